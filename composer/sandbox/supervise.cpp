#include "sandbox/supervise.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::sandbox {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kept_output_bytes = 64U << 10U;
constexpr std::size_t kept_status_bytes = 64U << 10U;
constexpr int tick_ms = 20;           // a fork bomb makes some hundred processes in this time
constexpr int end_of_all_ms = 30000;  // for the kernel to take down what was killed

Fd open_pid(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))); }

// Whatever is written shows here at once, in deleted files and in folders that we may not read, too.
std::uint64_t free_bytes(const fs::path& folder) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) throw_errno("looking at the free space of", folder.string(), errno);
  return std::uint64_t{info.f_bfree} * info.f_frsize;
}

// The number after "KEY": in bubblewrap's documents, which are flat.
std::optional<int> number_of(const std::string& json, const std::string& key) {
  const std::size_t at = json.find("\"" + key + "\":");
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = json.find_first_not_of(" ", at + key.size() + 3);
  if (begin == std::string::npos) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(json.data() + begin, json.data() + json.size(), value);
  // A number at the end of the text may go on in the next piece.
  if (error != std::errc() || end == json.data() + json.size()) return std::nullopt;
  return value;
}

class Supervisor {
 public:
  Supervisor(Supervised running, const Limits& limits)
      : running_(std::move(running)), limits_(limits), monitor_(open_pid(running_.pid)), calm_(count_threads()) {
    if (!monitor_) throw_errno("watching", "a program in the sandbox", errno);
    for (const int fd : {running_.output.get(), running_.status.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }

  ~Supervisor() {
    if (!reaped_) end();
  }

  Outcome run() {
    while (!wait_for_news()) {
      if (Clock::now() >= deadline_) stop_for_time();
      if (too_much()) stop(fmt::format("more than {} MiB written", limits_.written_bytes >> 20U));
      if (too_many()) stop(fmt::format("more than {} processes at once", limits_.processes));
    }
    wait_for_end_of_all();
    read_all();
    const int status = reap();
    if (!number_of(status_, "exit-code") && outcome_.stopped.empty()) throw_not_made();
    outcome_.exit_code =
        number_of(status_, "exit-code").value_or(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    return std::move(outcome_);
  }

 private:
  // True when bubblewrap has ended.
  bool wait_for_news() {
    std::array<pollfd, 3> fds{pollfd{monitor_.get(), POLLIN, 0}, pollfd{running_.output.get(), POLLIN, 0},
                              pollfd{running_.status.get(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), tick_ms) < 0 && errno != EINTR) throw_errno("watching", "a sandbox", errno);
    read_all();
    return (fds[0].revents & POLLIN) != 0;
  }

  void read_all() {
    read_into(running_.output, outcome_.output, kept_output_bytes);
    read_into(running_.status, status_, kept_status_bytes);
    if (running_.release) release_when_known();
  }

  // What is there now, but not for ever: the limits have to be looked at.
  static void read_into(Fd& fd, std::string& text, std::size_t limit) {
    std::array<char, 16384> buffer;
    for (int piece = 0; fd && piece < 64; ++piece) {
      const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
      if (count == 0) fd = Fd();
      if (count <= 0) break;
      text.append(buffer.data(), static_cast<std::size_t>(count));
      if (text.size() > 2 * limit) text.erase(0, text.size() - limit);
    }
    if (text.size() > limit) text.erase(0, text.size() - limit);
  }

  // bubblewrap tells the first process of the sandbox, all others end with it, and starts the program on our word:
  // before, there is nothing that could end while we take hold of it.
  void release_when_known() {
    const auto pid = number_of(status_, "child-pid");
    if (!pid) return;
    init_pid_ = *pid;
    init_ = open_pid(*pid);
    (void)!::write(running_.release.get(), "r", 1);
    running_.release = Fd();
  }

  // What others take meanwhile looks like the program's own, what others give back like nothing: the limit is far above
  // what packages need.
  bool too_much() const {
    return outcome_.stopped.empty() && free_bytes(running_.folder) + limits_.written_bytes < free_at_start_;
  }

  bool too_many() {
    if (init_pid_ == 0 || !outcome_.stopped.empty()) return false;
    const std::size_t all = count_threads();
    calm_ = std::min(calm_, all);
    return all - calm_ > limits_.processes / 2 && count_threads_below(init_pid_) > limits_.processes;
  }

  void stop_for_time() {
    if (!outcome_.stopped.empty()) return;
    outcome_.timed_out = true;
    stop(fmt::format("longer than {} s", limits_.time.count()));
  }

  void stop(std::string why) {
    outcome_.stopped = std::move(why);
    end();
  }

  void end() const {
    if (init_) ::syscall(SYS_pidfd_send_signal, init_.get(), SIGKILL, nullptr, 0U);
    ::kill(running_.pid, SIGKILL);
  }

  // The program's own children may go on when it has ended, until bubblewrap's end ends them.
  void wait_for_end_of_all() const {
    if (!init_) return;
    ::syscall(SYS_pidfd_send_signal, init_.get(), SIGKILL, nullptr, 0U);
    pollfd fd{init_.get(), POLLIN, 0};
    int ready = 0;
    do ready = ::poll(&fd, 1, end_of_all_ms);
    while (ready < 0 && errno == EINTR);
    if (ready != 1) throw Error(ErrorKind::failed, "a program in the sandbox cannot be ended");
  }

  int reap() {
    int status = 0;
    while (::waitpid(running_.pid, &status, 0) < 0 && errno == EINTR) continue;
    reaped_ = true;
    return status;
  }

  [[noreturn]] void throw_not_made() const {
    if (outcome_.output.starts_with("bwrap: execvp "))
      throw Error(ErrorKind::input, fmt::format("the tree cannot run it: {}", outcome_.output.substr(7)));
    throw Error(ErrorKind::failed, fmt::format("bubblewrap could not make a sandbox: {}", outcome_.output),
                "run `bwrap --ro-bind / / --unshare-pid --unshare-net --proc /proc true` to see whether it can at all");
  }

  Supervised running_;
  Limits limits_;
  Fd monitor_;
  Fd init_;
  pid_t init_pid_ = 0;
  std::uint64_t free_at_start_ = free_bytes(running_.folder);
  std::size_t calm_;  // threads of the machine when it had the fewest
  Clock::time_point deadline_ = Clock::now() + limits_.time;
  Outcome outcome_;
  std::string status_;
  bool reaped_ = false;
};

}  // namespace

Outcome supervise(Supervised running, const Limits& limits) { return Supervisor(std::move(running), limits).run(); }

}  // namespace compose::sandbox
