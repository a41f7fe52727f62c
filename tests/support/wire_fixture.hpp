#pragma once
// The wire to AWS without a network: answers come from a function, time from the test. And a server on a loopback port
// that says whatever bytes a test wants, for what only real connections show.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "publish/aws/client.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/registry_fixture.hpp"

namespace compose::test {

struct SentRequest {
  std::string method;
  std::string url;
  aws::Headers headers;
  std::string body;
  aws::HttpLimits limits;
  bool without_proxy = false;

  std::string header(const std::string& name) const {
    const auto same = [&](const auto& header) {
      return std::equal(header.first.begin(), header.first.end(), name.begin(), name.end(),
                        [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    };
    const auto found = std::find_if(headers.begin(), headers.end(), same);
    return found == headers.end() ? std::string() : found->second;
  }
  bool is_signed_by(const std::string& access_key_id) const {
    return header("Authorization").find("Credential=" + access_key_id + "/") != std::string::npos;
  }
};

// From any number of threads.
class ScriptedTransport : public aws::Transport {
 public:
  using Answer = std::function<aws::HttpResponse(const SentRequest& request)>;
  explicit ScriptedTransport(Answer answer) : answer_(std::move(answer)) {}

  aws::HttpResponse perform(const aws::HttpRequest& request, const aws::Cancel&) override {
    const SentRequest sent{
        request.method,  request.url,
        request.headers, std::string(reinterpret_cast<const char*>(request.body.data()), request.body.size()),
        request.limits,  request.without_proxy};
    {
      const std::lock_guard guard(mutex_);
      requests_.push_back(sent);
    }
    return answer_(sent);
  }

  std::vector<SentRequest> requests() const {
    const std::lock_guard guard(mutex_);
    return requests_;
  }

 private:
  Answer answer_;
  mutable std::mutex mutex_;
  std::vector<SentRequest> requests_;
};

inline aws::HttpResponse reply(int status, const std::string& body = {}, aws::Headers headers = {}) {
  return {status, std::move(headers), body};
}

// Time that passes only by sleeping.
class FakeTime {
 public:
  aws::Timing timing() {
    aws::Timing timing;
    timing.now = [this] { return now(); };
    timing.steady_now = [this] {
      const std::lock_guard guard(mutex_);
      return steady_;
    };
    timing.sleep = [this](std::chrono::milliseconds duration, const aws::Cancel&) {
      pass(duration);
      const std::lock_guard guard(mutex_);
      slept_.push_back(duration);
    };
    timing.random = [this] { return random_.load(); };
    return timing;
  }
  aws::Time now() const {
    const std::lock_guard guard(mutex_);
    return now_;
  }
  void pass(std::chrono::milliseconds duration) {
    const std::lock_guard guard(mutex_);
    now_ += duration;
    steady_ += duration;
  }
  void set_random(double value) { random_ = value; }
  std::vector<std::chrono::milliseconds> slept() const {
    const std::lock_guard guard(mutex_);
    return slept_;
  }

 private:
  mutable std::mutex mutex_;
  aws::Time now_ = *aws::parse_time("2024-05-06T07:08:09Z");
  std::chrono::steady_clock::time_point steady_{std::chrono::hours(1)};
  std::vector<std::chrono::milliseconds> slept_;
  std::atomic<double> random_{1.0};
};

inline aws::Credentials test_credentials() { return {"AKIDTEST", "test/secret+key", "", {}, "the test"}; }

// A client whose world is a function.
struct ScriptedRegion {
  explicit ScriptedRegion(ScriptedTransport::Answer answer, const aws::Environment& environment = {},
                          const std::string& region = "eu-central-1")
      : endpoints(environment),
        transport(std::move(answer)),
        credentials([] { return test_credentials(); }, time.timing().now),
        client({region, &endpoints, &transport, &credentials, &cancel, time.timing(), {}}) {}

  FakeTime time;
  aws::Cancel cancel;
  aws::Endpoints endpoints;
  ScriptedTransport transport;
  aws::CredentialProvider credentials;
  aws::Client client;
};

// Asks botocore (Debian's, so Debian's python3): `cases` in, what it makes of each out.
inline nlohmann::json ask_botocore(const std::string& what, const nlohmann::json& cases) {
  const TemporaryDirectory folder(fs::temp_directory_path(), "botocore-");
  const fs::path file = folder.path() / "cases.json";
  write_file_atomically(file, cases.dump());
  return nlohmann::json::parse(run_checked(
      {"/usr/bin/python3", std::string(SOURCE_DIR) + "/tests/support/botocore_oracle.py", what, file.string()}));
}

// One connection of RawServer.
class RawConnection {
 public:
  RawConnection(Fd fd, const std::atomic<bool>& stopping) : fd_(std::move(fd)), stopping_(stopping) {}

  // The next request, head and body; empty when the peer has gone.
  std::string receive() {
    std::string text;
    while (true) {
      const auto end = text.find("\r\n\r\n");
      if (end != std::string::npos && text.size() >= end + 4 + content_length(text.substr(0, end))) return text;
      const std::string more = receive_some();
      if (more.empty()) return {};
      text += more;
    }
  }
  // What is there, up to 64 KiB; empty when the peer has gone.
  std::string receive_some() {
    std::array<char, 65536> buffer{};
    pollfd waiting{fd_.get(), POLLIN, 0};
    while (::poll(&waiting, 1, 20) == 0) {
      if (stopping_) return {};
    }
    const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return count <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(count));
  }
  bool send(const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size() && !stopping_) {
      const ssize_t count = ::send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (count <= 0) return false;
      done += static_cast<std::size_t>(count);
    }
    return done == bytes.size();
  }
  bool answer(const std::string& body, const std::string& status = "200 OK", const std::string& headers = {}) {
    return send("HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
  }
  // Keeps the connection open and says nothing.
  void be_silent() {
    while (!receive_some().empty()) continue;
  }

 private:
  static std::size_t content_length(const std::string& head) {
    const auto at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
  }

  Fd fd_;
  const std::atomic<bool>& stopping_;
};

// Calls `serve` in a thread of its own for each connection.
class RawServer {
 public:
  using Serve = std::function<void(RawConnection& connection)>;
  explicit RawServer(Serve serve)
      : serve_(std::move(serve)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback_address(0);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), generic, &size) != 0) {
      throw_errno("listening", "a test's socket", errno);
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~RawServer() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (auto& thread : threads_) thread.join();
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }
  unsigned connections() const { return connections_; }

 private:
  void accept_all() {
    while (true) {
      Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) return;
      ++connections_;
      threads_.emplace_back(
          [this, connection = RawConnection(std::move(fd), stopping_)]() mutable { serve_(connection); });
    }
  }

  Serve serve_;
  Fd listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<unsigned> connections_{0};
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace compose::test
