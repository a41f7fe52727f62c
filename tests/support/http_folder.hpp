#pragma once
// A folder behind python's http server on a free port of loopback.

#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/program.hpp"

namespace compose::tests {

class HttpFolder {
 public:
  // `folder` is to exist; the server's log goes to the file `log`.
  HttpFolder(const fs::path& folder, const fs::path& log) : log_(log) {
    server_.emplace(std::vector<std::string>{"python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory",
                                             folder.string(), "0"},
                    ProcessOptions{{}, {}, log});
    REQUIRE(wait_until([&] { return read_file(log).find("port ") != std::string::npos; }));
    const std::string text = read_file(log);
    const std::size_t start = text.find("port ") + 5;
    port_ = text.substr(start, text.find(' ', start) - start);
  }

  std::string url() const { return "http://127.0.0.1:" + port_; }

  // The paths of all requests so far; of those alone that were answered with `status`, if given.
  std::vector<std::string> requested(const std::string& status = {}) const {
    const std::string log = read_file(log_);
    std::vector<std::string> paths;
    for (std::size_t at = log.find("\"GET "); at != std::string::npos; at = log.find("\"GET ", at + 1)) {
      const std::size_t end = log.find(' ', at + 5);
      const bool wanted = log.compare(log.find("\" ", end) + 2, status.size(), status) == 0;
      if (wanted) paths.push_back(log.substr(at + 5, end - at - 5));
    }
    return paths;
  }
  void stop() { server_.reset(); }

 private:
  fs::path log_;
  std::optional<Child> server_;
  std::string port_;
};

}  // namespace compose::tests
