#pragma once
// What the wire takes from outside: environment, time, chance and the wish to stop. All come in as parameters, so that
// tests hold them in their hands.

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace compose::aws {

using Environment = std::map<std::string, std::string>;
using Time = std::chrono::system_clock::time_point;
using Clock = std::function<Time()>;

// This process's variables.
Environment process_environment();

// A variable's value; one that is set but empty counts as absent, as in AWS's own tools.
std::optional<std::string> find_variable(const Environment& environment, const std::string& name);

// "2024-05-06T07:08:09Z", with or without a fraction, or with an offset like +00:00 (RFC 3339); nothing where `text`
// is no such time.
std::optional<Time> parse_time(const std::string& text);
// "2024-05-06T07:08:09Z"
std::string format_time(Time time);

// A wish to stop, shared by threads. stop() only stores to an atomic: a signal handler may call it.
class Cancel {
 public:
  void stop() noexcept { stopped_.store(true, std::memory_order_relaxed); }
  bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }
  // Throws Error(failed) "stopped" once stop() was called.
  void check() const;

 private:
  std::atomic<bool> stopped_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
};

// Time and chance of retries. All members are called from many threads at once.
struct Timing {
  Clock now;
  std::function<std::chrono::steady_clock::time_point()> steady_now;
  // Sleeps that long, less when `cancel` says stop.
  std::function<void(std::chrono::milliseconds, const Cancel& cancel)> sleep;
  std::function<double()> random;  // evenly in [0, 1)
};
Timing real_timing();

}  // namespace compose::aws
