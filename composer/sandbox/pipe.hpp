#pragma once
// A pipe, both ends closed by whoever drops them, and by exec.

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "support/error.hpp"
#include "support/handle.hpp"

namespace compose::sandbox {

struct Pipe {
  Fd read;
  Fd write;
};

// Throws Error(failed).
inline Pipe make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) throw_errno("making", "a pipe", errno);
  return {Fd(fds[0]), Fd(fds[1])};
}

}  // namespace compose::sandbox
