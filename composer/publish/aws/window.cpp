#include "publish/aws/window.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace compose::aws {
namespace {

constexpr double decrease = 0.7;
// A wish to stop wakes nobody.
constexpr std::chrono::milliseconds look_again(100);

}  // namespace

Window::Window(const WindowLimits& limits)
    : limits_(limits), size_(std::clamp(limits.start, limits.least, limits.most)) {}

Window::Place Window::enter(const Cancel& cancel) {
  std::unique_lock lock(mutex_);
  while (under_way_ >= static_cast<unsigned>(size_)) {
    cancel.check();
    changed_.wait_for(lock, look_again);
  }
  cancel.check();
  ++under_way_;
  return {this, next_number_++};
}

void Window::leave(std::uint64_t number, Outcome outcome) {
  const std::lock_guard guard(mutex_);
  --under_way_;
  if (outcome == Outcome::done) {
    size_ += has_decreased_ ? 1 / size_ : 1;
  } else if (number >= last_decrease_) {
    size_ *= decrease;
    has_decreased_ = true;
    last_decrease_ = next_number_;
  }
  size_ = std::clamp<double>(size_, limits_.least, limits_.most);
  changed_.notify_all();
}

void Window::leave_silently() {
  const std::lock_guard guard(mutex_);
  --under_way_;
  changed_.notify_all();
}

unsigned Window::size() const {
  const std::lock_guard guard(mutex_);
  return static_cast<unsigned>(size_);
}

unsigned Window::under_way() const {
  const std::lock_guard guard(mutex_);
  return under_way_;
}

Window::Place::Place(Place&& other) noexcept : window_(std::exchange(other.window_, nullptr)), number_(other.number_) {}

Window::Place::~Place() {
  if (window_ != nullptr) window_->leave_silently();
}

void Window::Place::leave(Outcome outcome) { std::exchange(window_, nullptr)->leave(number_, outcome); }

}  // namespace compose::aws
