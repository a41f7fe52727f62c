#pragma once
// A container registry of the test's own: the program docker-registry on a loopback port, gone with the object.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/handle.hpp"
#include "support/process.hpp"

namespace compose::test {

inline sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A port that nobody listens on just now.
inline std::uint16_t free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback_address(0);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), generic, size) != 0 || ::getsockname(fd.get(), generic, &size) != 0)
    throw_errno("finding a port", "", errno);
  return ntohs(address.sin_port);
}

inline bool answers(std::uint16_t port) {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback_address(port);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

class Registry {
 public:
  explicit Registry(fs::path folder) : folder_(std::move(folder)), port_(free_port()) {
    fs::create_directories(folder_);
    write_file_atomically(
        folder_ / "config.yml",
        fmt::format("version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{}'}}\n",
                    (folder_ / "data").string(), port_));
    start();
  }

  void start() {
    ProcessOptions options;
    options.output_file = folder_ / "log";
    child_.emplace(std::vector<std::string>{"docker-registry", "serve", (folder_ / "config.yml").string()}, options);
    for (int i = 0; i < 200 && !answers(port_); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!answers(port_))
      throw Error(ErrorKind::failed, "docker-registry does not answer: " + read_file(folder_ / "log"));
  }
  void stop() { child_.reset(); }

  std::string host() const { return fmt::format("127.0.0.1:{}", port_); }
  std::string reference(const std::string& name) const { return fmt::format("docker://{}/{}", host(), name); }
  fs::path blob_file(const std::string& digest) const {
    return folder_ / "data/docker/registry/v2/blobs/sha256" / digest.substr(7, 2) / digest.substr(7) / "data";
  }
  // Pushes what `source` names ("oci:PATH:TAG"); "v2s2" or "oci" as `format`.
  void push(const std::string& source, const std::string& name, const std::string& format = "oci") const {
    run_checked({"skopeo", "--insecure-policy", "copy", "--quiet", "--format", format, "--dest-tls-verify=false",
                 source, reference(name)});
  }

 private:
  fs::path folder_;
  std::uint16_t port_;
  std::optional<Child> child_;
};

}  // namespace compose::test
