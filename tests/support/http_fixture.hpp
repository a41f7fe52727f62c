#pragma once
// A small HTTP server for tests, on a loopback port or a Unix socket: one request a connection, answered by a function.

#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fmt/format.h>

#include "support/error.hpp"
#include "support/handle.hpp"
#include "support/registry_fixture.hpp"

namespace compose::test {

struct HttpReply {
  int status = 200;
  std::string body = {};
  std::string headers = {};  // more of them, each with its line's end
};

class HttpServer {
 public:
  using Handler = std::function<HttpReply(const std::string& request)>;

  explicit HttpServer(Handler handler) : HttpServer(AF_INET, loopback_address(0), std::move(handler)) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  HttpServer(const fs::path& socket, Handler handler) : HttpServer(AF_UNIX, unix_address(socket), std::move(handler)) {}
  ~HttpServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  // Every request so far, as it came.
  std::vector<std::string> requests() const {
    const std::lock_guard guard(mutex_);
    return requests_;
  }

 private:
  template <typename Address>
  HttpServer(int family, const Address& address, Handler handler)
      : handler_(std::move(handler)), listener_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 8) != 0) {
      throw_errno("listening", "a test's socket", errno);
    }
    thread_ = std::thread([this] { serve(); });
  }

  static sockaddr_un unix_address(const fs::path& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket.c_str(), std::min(socket.string().size(), sizeof address.sun_path - 1));
    return address;
  }

  void serve() {
    while (true) {
      const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      const std::string request = receive(connection.get());
      {
        const std::lock_guard guard(mutex_);
        requests_.push_back(request);
      }
      const HttpReply reply = handler_(request);
      const std::string text = fmt::format("HTTP/1.0 {} X\r\nContent-Length: {}\r\n{}\r\n{}", reply.status,
                                           reply.body.size(), reply.headers, reply.body);
      (void)::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
  }

  // Headers, then as much as they announce.
  static std::string receive(int fd) {
    std::string text;
    std::array<char, 4096> buffer{};
    while (!is_complete(text)) {
      const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (count <= 0) return text;
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

  static bool is_complete(const std::string& text) {
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const auto header = text.find("Content-Length: ");
    std::size_t length = 0;
    if (header < end) std::from_chars(text.data() + header + 16, text.data() + text.size(), length);
    return text.size() >= end + 4 + length;
  }

  Handler handler_;
  Fd listener_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace compose::test
