#pragma once
// A folder over http, which can go on from the middle of a file, or claim not to.

#include <atomic>
#include <charconv>

#include "support/file.hpp"
#include "support/http_fixture.hpp"

namespace compose::rpm {

class FolderServer {
 public:
  explicit FolderServer(fs::path folder, bool ranges = true)
      : folder_(std::move(folder)),
        ranges_(ranges),
        server_([this](const std::string& request) { return answer(request); }) {}

  std::string url() const { return server_.url(); }
  // The paths of all requests so far, with ":FROM" where not all was asked for.
  std::vector<std::string> asked() const {
    std::vector<std::string> paths;
    for (const auto& request : server_.requests()) {
      const std::size_t from = offset(request);
      paths.push_back(path(request) + (from == 0 ? "" : ":" + std::to_string(from)));
    }
    return paths;
  }

 private:
  static std::string path(const std::string& request) {
    const auto start = request.find(' ') + 1;
    return request.substr(start, request.find(' ', start) - start);
  }

  static std::size_t offset(const std::string& request) {
    const auto range = request.find("Range: bytes=");
    std::size_t from = 0;
    if (range != std::string::npos) std::from_chars(request.data() + range + 13, request.data() + request.size(), from);
    return from;
  }

  test::HttpReply answer(const std::string& request) const {
    const fs::path file = folder_ / path(request);
    if (!fs::is_regular_file(file)) return {404, "not here", {}};
    const std::string content = read_file(file);
    const std::size_t from = offset(request);
    if (from == 0 || !ranges_ || from >= content.size()) return {200, content, {}};
    return {206, content.substr(from),
            fmt::format("Content-Range: bytes {}-{}/{}\r\n", from, content.size() - 1, content.size())};
  }

  fs::path folder_;
  bool ranges_;
  test::HttpServer server_;
};

}  // namespace compose::rpm
