#pragma once
// How many requests may be under way at once, found by trying: additive increase, multiplicative decrease (as TCP's
// congestion window, RFC 5681). Shared by the threads of one region's upload.

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "publish/aws/surroundings.hpp"

namespace compose::aws {

struct WindowLimits {
  unsigned start = 8;
  unsigned least = 1;
  unsigned most = 64;
};

class Window {
 public:
  explicit Window(const WindowLimits& limits);

  enum class Outcome {
    done,      // grows: by one a request until the first slow_down, after that by one a window
    slow_down  // throttled or timed out: shrinks to 7/10, once for all that were under way together
  };

  // A place in the window. Ended without an outcome (an exception) it changes nothing.
  class Place {
   public:
    Place(Place&& other) noexcept;
    Place& operator=(Place&&) = delete;
    ~Place();
    void leave(Outcome outcome);

   private:
    friend class Window;
    Place(Window* window, std::uint64_t number) : window_(window), number_(number) {}
    Window* window_;
    std::uint64_t number_;
  };

  // Waits for a place. Throws Error(failed) when `cancel` is told to stop meanwhile.
  [[nodiscard]] Place enter(const Cancel& cancel);

  unsigned size() const;
  unsigned under_way() const;

 private:
  void leave(std::uint64_t number, Outcome outcome);
  void leave_silently();

  WindowLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  double size_;
  unsigned under_way_ = 0;
  std::uint64_t next_number_ = 0;
  std::uint64_t last_decrease_ = 0;  // places with a smaller number were under way then
  bool has_decreased_ = false;
};

}  // namespace compose::aws
