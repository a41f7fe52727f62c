#pragma once
// What is done to a running guest from outside, boot by boot: a task is pushed and called, ports that have to be closed
// are tried, the control plane goes away and comes back.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "boot/boot_test.hpp"
#include "boot/control_plane.hpp"

namespace compose::boot {

// Ports of 127.0.0.1 that lead to the guest's.
struct OutsidePorts {
  std::uint16_t task = 0;
  std::uint16_t introspection = 0;
  std::uint16_t credentials = 0;
};

// Absent: not tried, or it did not come to that.
struct OutsideFindings {
  std::optional<bool> task_answered;
  std::optional<bool> introspection_answered;
  std::optional<bool> credentials_answered;
  std::optional<std::chrono::steady_clock::time_point> restarted;  // when the control plane was back
};

class Outside {
 public:
  // Both must outlive it.
  Outside(const BootTest& test, ControlPlane& control_plane, const OutsidePorts& ports)
      : test_(test), control_plane_(control_plane), ports_(ports) {}

  // A boot starts: what is left to be done is all again (the control plane is restarted in the first boot only). The
  // guest is told to stay until it is done.
  void begin(unsigned boot);

  // Does what can be done by now. `requests` are those of this boot. Takes some seconds where a port does not answer.
  // Throws Error(failed) when the control plane cannot come back.
  void advance(const std::vector<SeenRequest>& requests);

  const OutsideFindings& findings() const noexcept { return findings_; }

 private:
  enum class Step { registration, task, ports, restart, down, reconnection, done };
  Step next(const std::vector<SeenRequest>& requests);
  Step run_task(const std::vector<SeenRequest>& requests);
  Step try_ports();
  Step restart(const std::vector<SeenRequest>& requests);

  const BootTest& test_;
  ControlPlane& control_plane_;
  OutsidePorts ports_;
  unsigned boot_ = 0;
  Step step_ = Step::done;
  std::chrono::steady_clock::time_point stopped_;
  OutsideFindings findings_;
};

// The SubmitTaskStateChange of the task with that number in that state ("RUNNING", "STOPPED"); the last one.
std::optional<SeenRequest> find_task_report(const std::vector<SeenRequest>& requests, unsigned number,
                                            const std::string& status);

// The first websocket to the agent communication service that was opened at that time or later.
std::optional<SeenRequest> find_connection(const std::vector<SeenRequest>& requests,
                                           std::chrono::steady_clock::time_point since);

// Whether anything comes back for a GET of `path` from a port of 127.0.0.1 within the time.
bool port_answers(std::uint16_t port, const std::string& path, std::chrono::milliseconds limit);

}  // namespace compose::boot
