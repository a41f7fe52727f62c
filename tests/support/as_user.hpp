#pragma once
// The same work as root and as an ordinary user, in a process of its own.

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>

#include "support/error.hpp"

namespace compose::tests {

// What `work` returns, or what its error says. As nobody (uid 65534) when asked and possible.
inline std::string as_user(bool nobody, const std::function<std::string()>& work) {
  int fds[2];
  if (::pipe(fds) != 0) throw std::runtime_error("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    if (nobody && (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0)) ::_exit(2);
    ::prctl(PR_SET_DUMPABLE, 1);  // setresuid took it: the files in /proc/self would be root's
    std::string text;
    try {
      text = work();
    } catch (const Error& error) {
      text = error.explain();
    } catch (const std::exception& error) {
      text = error.what();
    }
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t count = ::write(fds[1], text.data() + at, text.size() - at);
      if (count <= 0) ::_exit(3);
      at += static_cast<std::size_t>(count);
    }
    ::_exit(0);
  }
  ::close(fds[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(fds[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  ::close(fds[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) throw std::runtime_error("the child process failed");
  return text;
}

}  // namespace compose::tests
