#pragma once
// OSTree repositories of this machine, over http for the guest: FOLDER number N is below /N/. Read-only.

#include <chrono>
#include <string>
#include <vector>

#include "boot/http_service.hpp"
#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose::boot {

// The reply to a request for a file below one of the folders; 404 for anything else.
HttpReply answer_from(const std::vector<fs::path>& folders, const HttpRequest& request);

class RepositoryService {
 public:
  // Each request becomes a line of `log`: {"time_s","method","path","status","bytes"}.
  RepositoryService(std::vector<fs::path> folders, const fs::path& log);

  std::uint16_t port() const noexcept { return http_.port(); }

 private:
  HttpReply answer(const HttpRequest& request);

  std::vector<fs::path> folders_;
  std::string log_name_;
  Fd log_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  unsigned requests_ = 0;
  HttpService http_{{[this](const HttpRequest& request) { return answer(request); }, nullptr, nullptr}};
};

}  // namespace compose::boot
