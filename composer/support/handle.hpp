#pragma once
// Owning handles for C libraries: one template, so that no class writes a destructor or a move of its own.

#include <memory>
#include <utility>

#include <unistd.h>

namespace compose {

// Deleter that calls `Function` on the pointer: `using Archive = Handle<archive, archive_read_free>;`
template <auto Function>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const noexcept {
    Function(pointer);
  }
};

template <typename T, auto Function>
using Handle = std::unique_ptr<T, Deleter<Function>>;

// An owned file descriptor; -1 is empty.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace compose
