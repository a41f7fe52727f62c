#include "sandbox/child.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace compose::sandbox {
namespace {

constexpr int above_all = 64;  // descriptors are moved there first, out of each other's way

class Setup {
 public:
  explicit Setup(const ChildPlan& plan) noexcept : plan_(plan), status_(plan.status), resume_(plan.resume) {}

  [[noreturn]] void run() noexcept {
    default_signals();
    descriptors();
    namespaces();
    if (plan_.folder != nullptr) mounts();
    limits();
    ::execve(plan_.arguments[0], plan_.arguments, plan_.environment);
    fail(Step::start);
  }

 private:
  [[noreturn]] void fail(Step step) const noexcept {
    const Report report{step, errno};
    (void)!::write(status_, &report, sizeof report);
    ::_exit(127);
  }

  void check(bool success, Step step) const noexcept {
    if (!success) fail(step);
  }

  static void default_signals() noexcept {
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  void descriptors() noexcept {
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    status_ = ::fcntl(status_, F_DUPFD_CLOEXEC, above_all);
    check(status_ >= 0 && nothing >= 0, Step::descriptors);
    resume_ = ::fcntl(resume_, F_DUPFD_CLOEXEC, above_all);
    for (int& fd : plan_.descriptors) {
      fd = ::fcntl(fd >= 0 ? fd : nothing, F_DUPFD_CLOEXEC, above_all);
      check(fd >= 0, Step::descriptors);
    }
    int number = 0;
    for (const int fd : plan_.descriptors) check(::dup2(fd, number++) >= 0, Step::descriptors);
    check(::syscall(SYS_close_range, number, ~0U, 1U << 2U /* CLOSE_RANGE_CLOEXEC */) == 0, Step::descriptors);
  }

  void namespaces() const noexcept {
    check(::unshare(CLONE_NEWNS | (plan_.user_namespace ? CLONE_NEWUSER : 0)) == 0, Step::namespaces);
    if (plan_.user_namespace) maps();
    if (!plan_.user_namespace || plan_.ranges) check(::setgroups(0, nullptr) == 0, Step::ids);
    // After the change of credentials, which takes it away.
    check(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, Step::ids);
    if (::getppid() != plan_.parent) ::_exit(127);
    put("/proc/self/oom_score_adj", "1000");  // when memory ends, the script goes first
    ::umask(022);
  }

  void maps() const noexcept {
    if (!plan_.ranges) {
      check(put("/proc/self/setgroups", "deny") && put("/proc/self/uid_map", plan_.uid_map) &&
                put("/proc/self/gid_map", plan_.gid_map),
            Step::ids);
      return;
    }
    const Report wanted{Step::ids, 0};
    char answer = 0;
    check(::write(status_, &wanted, sizeof wanted) == sizeof wanted && ::read(resume_, &answer, 1) == 1, Step::ids);
    check(::setresgid(0, 0, 0) == 0 && ::setresuid(0, 0, 0) == 0, Step::ids);
  }

  static bool put(const char* file, const char* text) noexcept {
    const int fd = ::open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const auto size = static_cast<ssize_t>(std::strlen(text));
    const bool written = ::write(fd, text, static_cast<std::size_t>(size)) == size;
    ::close(fd);
    return written;
  }

  void mounts() const noexcept {
    check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, Step::mounts_private);
    check(::chdir(plan_.folder) == 0, Step::overlay);
    for (const ChildOwner& owner : plan_.owners) give(owner);
    if (plan_.overlay_options != nullptr) {
      check(::mount("overlay", "merged", "overlay", MS_NODEV | MS_NOSUID, plan_.overlay_options) == 0, Step::overlay);
    }
    const int tree = ::open("merged", O_PATH | O_DIRECTORY | O_CLOEXEC);
    // bubblewrap follows links of this machine: a script may have put one in the place of a folder.
    check(tree >= 0 && below(tree, "usr") >= 0 && below(tree, "usr/etc") >= 0, Step::tree);
    for (const char* path : plan_.hidden) hide(tree, path);
    for (const ChildBind& bind : plan_.exposed) {
      const int source = below(tree, bind.source);
      check(source >= 0 && ::fchdir(source) == 0 && ::mount(".", bind.target, nullptr, MS_BIND, nullptr) == 0,
            Step::expose);
    }
    for (const ChildBind& bind : plan_.binds) {
      const int target = below(tree, bind.target);
      check(target >= 0 && ::fchdir(target) == 0 && ::mount(bind.source, ".", nullptr, MS_BIND, nullptr) == 0,
            Step::bind);
    }
    check(::chdir("/") == 0, Step::bind);
  }

  void give(const ChildOwner& owner) const noexcept {
    check(::fchownat(AT_FDCWD, owner.path, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) == 0, Step::owners);
    if (!S_ISLNK(owner.mode)) check(::chmod(owner.path, owner.mode & 07777U) == 0, Step::owners);
  }

  static int below(int tree, const char* path) noexcept {
    open_how how{};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    return static_cast<int>(::syscall(SYS_openat2, tree, path, &how, sizeof how));
  }

  void hide(int tree, const char* path) const noexcept {
    const int target = below(tree, path);
    if (target < 0) return;
    check(::fchdir(target) == 0 &&
              ::mount("none", ".", "tmpfs", MS_RDONLY | MS_NODEV | MS_NOSUID, "size=4k,mode=0755") == 0,
          Step::hide);
  }

  void limits() const noexcept {
    for (const ChildLimit& limit : plan_.limits) {
      check(::setrlimit(static_cast<__rlimit_resource_t>(limit.resource), &limit.value) == 0, Step::limits);
    }
  }

  const ChildPlan& plan_;
  int status_;
  int resume_;
};

}  // namespace

void run_child(const ChildPlan& plan) noexcept { Setup(plan).run(); }

}  // namespace compose::sandbox
