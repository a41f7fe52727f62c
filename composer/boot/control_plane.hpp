#pragma once
// A stand-in for the cluster's control plane: an HTTP server on 127.0.0.1 with a thread of its own. ecs_api.hpp decides
// what it answers.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "boot/ecs_api.hpp"
#include "support/path.hpp"

namespace compose::boot {

struct SeenRequest {
  std::chrono::steady_clock::time_point at;
  ApiRequest request;
  unsigned status = 0;  // what we answered
};

class ControlPlane {
 public:
  // Listens on a port that the system chooses. Each request becomes a line of `log`, from the start:
  // {"time_s","method","path","operation","status","body"}. `own_url` is what replies call us by.
  // Throws Error(failed) when it cannot listen or write the log.
  ControlPlane(const fs::path& log, std::string own_url);
  ~ControlPlane();  // closes all connections
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  std::uint16_t port() const noexcept;

  // Tells the guest to describe itself as it is, without waiting for its agent any longer; `false` takes it back.
  void set_out_of_time(bool out_of_time) noexcept;

  // All requests so far, in order of arrival. May be called at any time.
  std::vector<SeenRequest> requests() const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace compose::boot
