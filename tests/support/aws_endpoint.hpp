#pragma once
// AWS of the test's own: the strict endpoint of tests/support/aws-endpoint on a loopback port, gone with the object.
// Its README there says what it serves, what may be set, which faults there are and what the admin calls take.

#include <charconv>
#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <sys/socket.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/handle.hpp"
#include "support/process.hpp"
#include "support/registry_fixture.hpp"

namespace compose::test {

class AwsEndpoint {
 public:
  // Keeps its state in `folder`, where an endpoint that was stopped is taken up again; `settings` and `faults` are the
  // JSON of endpoint/settings.py and endpoint/faults.py.
  explicit AwsEndpoint(fs::path folder, const std::string& settings = "{}", const std::string& faults = "{}")
      : folder_(std::move(folder)) {
    fs::create_directories(folder_);
    write_file_atomically(folder_ / "settings.json", settings);
    write_file_atomically(folder_ / "faults.json", faults);
    start();
  }

  // On the same port as before, if there was one.
  void start() {
    const fs::path port_file = folder_ / "port";
    fs::remove(port_file);
    ProcessOptions options;
    options.output_file = folder_ / "log";
    // Debian's python3-botocore belongs to Debian's python3.
    child_.emplace(
        std::vector<std::string>{"/usr/bin/python3", SOURCE_DIR "/tests/support/aws-endpoint", "--state",
                                 (folder_ / "state").string(), "--port", std::to_string(port_), "--port-file",
                                 port_file.string(), "--settings", (folder_ / "settings.json").string(), "--faults",
                                 (folder_ / "faults.json").string()},
        options);
    for (int i = 0; i < 600 && !fs::exists(port_file) && !child_->exit_code(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!fs::exists(port_file))
      throw Error(ErrorKind::failed, "the AWS endpoint does not start: " + read_file(folder_ / "log"));
    const std::string port = read_file(port_file);
    std::from_chars(port.data(), port.data() + port.size(), port_);
  }
  // Ends it in order: its state is there for the next start().
  void stop() {
    ::kill(child_->pid(), SIGTERM);
    child_->wait();
    child_.reset();
  }

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  fs::path request_log() const { return folder_ / "state/requests.jsonl"; }

  static constexpr const char* account = "111122223333";
  static constexpr const char* access_key = "AKIATESTTESTTESTTEST";
  static constexpr const char* secret_key = "test-secret-key-of-nobody-0123456789abcd";
  // For a program that is to talk to the endpoint and to nobody else, and is not to find the credentials of who tests.
  std::map<std::string, std::string> environment() const {
    return {{"AWS_ACCESS_KEY_ID", access_key},
            {"AWS_SECRET_ACCESS_KEY", secret_key},
            {"AWS_SESSION_TOKEN", ""},
            {"AWS_PROFILE", ""},
            {"AWS_CONFIG_FILE", "/dev/null"},
            {"AWS_SHARED_CREDENTIALS_FILE", "/dev/null"},
            {"AWS_EC2_METADATA_DISABLED", "true"},
            {"AWS_PAGER", ""}};
  }
  // The independent client: runs aws with `arguments` in `region`; its standard output. Throws when it fails.
  std::string aws(const std::string& region, std::vector<std::string> arguments) const {
    ProcessOptions options;
    options.environment = environment();
    options.environment.erase("AWS_PROFILE");
    options.environment.erase("AWS_SESSION_TOKEN");
    arguments.insert(arguments.begin(), {"/usr/bin/aws", "--endpoint-url", url(), "--region", region});
    return run_checked(arguments, options);
  }

  // An admin call (`state`, `faults`, `settings`, `log`, `materialise`, …); its JSON. Throws what the endpoint objects.
  std::string admin(const std::string& method, const std::string& name, const std::string& json = "") const {
    const std::string answer = exchange(
        fmt::format("{} /_test/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
                    method, name, json.size(), json));
    const auto end_of_head = answer.find("\r\n\r\n");
    const std::string body = end_of_head == std::string::npos ? "" : answer.substr(end_of_head + 4);
    if (!answer.starts_with("HTTP/1.1 200 "))
      throw Error(ErrorKind::failed, fmt::format("the AWS endpoint refuses {} {}: {}", method, name, body));
    return body;
  }
  std::string state() const { return admin("GET", "state"); }
  void set_faults(const std::string& json) const { admin("PUT", "faults", json); }
  void clear_faults() const { admin("DELETE", "faults"); }
  void set(const std::string& json) const { admin("PUT", "settings", json); }
  // Writes the volume that a completed snapshot holds, its parents' blocks included, as a raw file.
  void materialise(const std::string& region, const std::string& snapshot, const fs::path& file) const {
    admin("POST", "materialise",
          fmt::format(R"({{"region": "{}", "snapshot": "{}", "path": "{}"}})", region, snapshot, file.string()));
  }

 private:
  std::string exchange(const std::string& request) const {
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback_address(port_);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw_errno("connecting to the AWS endpoint", url(), errno);
    if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      throw_errno("sending to the AWS endpoint", url(), errno);
    std::string answer;
    std::vector<char> buffer(64 * 1024);
    for (ssize_t count = 1; count > 0;) {
      count = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
      if (count > 0) answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return answer;
  }

  fs::path folder_;
  std::uint16_t port_ = 0;
  std::optional<Child> child_;
};

}  // namespace compose::test
