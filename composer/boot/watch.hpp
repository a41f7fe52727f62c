#pragma once
// Watching a running guest from outside: its console, its description of itself and its requests, boot by boot.

#include <chrono>
#include <optional>
#include <string>

#include "boot/boot_test.hpp"
#include "boot/control_plane.hpp"
#include "boot/guest_report.hpp"
#include "boot/outside.hpp"
#include "support/events.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::boot {

// The text of a file that another process appends to.
class Follower {
 public:
  explicit Follower(const fs::path& path) : path_(path) {}
  void poll();  // reads what is new; a file that is not there yet is empty; ignores what exceeds 16 MiB
  const std::string& text() const noexcept { return text_; }

 private:
  fs::path path_;
  std::string text_;
};

// How long the process' most delayed thread has been ready to run without getting a processor (proc(5), schedstat);
// zero where the kernel does not tell.
std::chrono::milliseconds starved_for(pid_t process);

// How often the guest boots when all goes well.
unsigned boots_of(const BootTest& test);

// The part of the time limit after which a guest should no longer wait for its agent but say what is wrong.
std::chrono::seconds patience_of(const BootTest& test);

class Watch {
 public:
  // All references must outlive it. `qemu` has just been started with its logs in test.log_directory.
  Watch(const BootTest& test, Child& qemu, ControlPlane& control_plane, const OutsidePorts& ports, Events& events);

  // Watches until every boot is judged, or one failed. Fills the report's boots, failure, passed and tails.
  void run(BootReport& report);

 private:
  // Until the guest's description is complete and its agent has registered, or the boot can be seen to fail: why.
  std::optional<std::string> wait_for_boot(BootRun& run);
  void look(BootRun& run);
  void note_times(BootTimes& times, const std::vector<SeenRequest>& seen) const;
  std::optional<std::string> reason_to_stop(const BootRun& run);
  std::optional<std::string> console_verdict();
  std::chrono::milliseconds since_start() const;
  std::chrono::milliseconds counted_time() const;  // since_start() without the time in which the machine was busy
  std::string_view console() const;                // of this boot
  std::vector<SeenRequest> requests() const;       // of this boot

  const BootTest& test_;
  Child& qemu_;
  ControlPlane& control_plane_;
  Events& events_;
  Outside outside_;
  Follower serial_;
  Follower guest_;
  // Of the boot being watched.
  unsigned number_ = 0;
  std::chrono::steady_clock::time_point started_;
  std::chrono::milliseconds starved_at_start_{0};
  std::size_t console_start_ = 0;
  GuestBoot described_;
  std::optional<std::chrono::steady_clock::time_point> symptom_at_;
};

}  // namespace compose::boot
