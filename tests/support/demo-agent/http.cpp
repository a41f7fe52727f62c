#include "http.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace demo {
namespace {

constexpr std::size_t kReplyLimitBytes = 1U << 20U;

std::string last_error(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

std::string text_of(const Request& request) {
  std::string text = request.method + " " + request.path + " HTTP/1.0\r\nHost: " + request.host + "\r\n";
  for (const std::string& header : request.headers) text += header + "\r\n";
  return text + "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
}

std::optional<std::string> read_all(int fd) {
  std::string text;
  char buffer[4096];
  while (text.size() < kReplyLimitBytes) {
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return std::nullopt;
}

std::optional<Reply> parse_reply(const std::string& text) {
  const auto space = text.find(' ');
  const auto end_of_headers = text.find("\r\n\r\n");
  if (text.compare(0, 5, "HTTP/") != 0 || space == std::string::npos || end_of_headers == std::string::npos)
    return std::nullopt;
  Reply reply;
  std::from_chars(text.data() + space + 1, text.data() + text.size(), reply.status);
  reply.body = text.substr(end_of_headers + 4);
  return reply;
}

std::optional<Reply> talk(int fd, const Request& request, std::string& problem) {
  if (!write_all(fd, text_of(request))) {
    problem = last_error("send");
    return std::nullopt;
  }
  const auto text = read_all(fd);
  const auto reply = text ? parse_reply(*text) : std::nullopt;
  if (!reply) problem = text ? "the answer is not HTTP" : last_error("receive");
  return reply;
}

template <typename Address>
int connected_socket(int family, const Address& address, time_t patience_s, std::string& problem) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval timeout{patience_s, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  problem = last_error("connect");
  ::close(fd);
  return -1;
}

std::optional<Reply> send_to(int fd, const Request& request, std::string& problem) {
  if (fd < 0) return std::nullopt;
  auto reply = talk(fd, request, problem);
  ::close(fd);
  return reply;
}

}  // namespace

std::optional<Url> parse_url(const std::string& text) {
  Url url;
  const std::string scheme = "http://";
  if (text.compare(0, 8, "https://") == 0) return std::nullopt;
  std::string rest = text.compare(0, scheme.size(), scheme) == 0 ? text.substr(scheme.size()) : text;
  if (const auto slash = rest.find('/'); slash != std::string::npos) {
    url.path = rest.substr(slash);
    rest.resize(slash);
  }
  if (const auto colon = rest.find(':'); colon != std::string::npos) {
    const char* const end = rest.data() + rest.size();
    const auto [stopped, error] = std::from_chars(rest.data() + colon + 1, end, url.port);
    if (error != std::errc() || stopped != end) return std::nullopt;
    rest.resize(colon);
  }
  url.address = rest;
  in_addr number{};
  if (::inet_pton(AF_INET, url.address.c_str(), &number) != 1) return std::nullopt;
  return url;
}

bool write_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

int connect_tcp(const Url& url, std::string& problem) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(url.port);
  ::inet_pton(AF_INET, url.address.c_str(), &address.sin_addr);
  return connected_socket(AF_INET, address, 20, problem);
}

std::optional<Reply> send_tcp(const Url& url, const Request& request, std::string& problem) {
  return send_to(connect_tcp(url, problem), request, problem);
}

std::optional<Reply> send_unix(const std::string& socket_path, const Request& request, std::string& problem) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    problem = "the socket's path is too long";
    return std::nullopt;
  }
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  return send_to(connected_socket(AF_UNIX, address, 120, problem), request, problem);
}

}  // namespace demo
