#pragma once
// Starts a program of this machine in namespaces of its own, with the copy-on-write view of a tree mounted there.

#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "sandbox/ids.hpp"
#include "support/error.hpp"
#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose::sandbox {

// What the child does before the program starts, in order.
enum class Step {
  none,
  descriptors,
  namespaces,
  ids,
  mounts_private,
  owners,
  overlay,
  tree,
  hide,
  expose,
  bind,
  limits,
  start,
};

// A launch that failed: at which step, and how. `step` tells callers that can do without.
class LaunchError : public Error {
 public:
  LaunchError(Step step, int error_number);
  Step step() const noexcept { return step_; }

 private:
  Step step_;
};

// An owner to be restored before the tree is seen (the files belong to us while nothing runs).
struct Owner {
  std::string path;
  std::uint32_t uid = 0;  // inside
  std::uint32_t gid = 0;
  std::uint32_t mode = 0;  // with type bits
};

// The tree that the program will see at `folder`/"merged". Nothing below it is trusted: scripts made it.
struct View {
  fs::path folder;                        // has lower (a link), upper, work and merged
  bool overlay = true;                    // false: merged is a copy of the tree
  std::vector<std::string> hidden;        // folders below merged that appear empty, if they are there
  std::map<std::string, fs::path> binds;  // folder below merged -> the folder of this machine that appears there
  // Folder below merged, which has to be one -> the folder of this machine where it appears as well: a path for
  // bubblewrap that no script has made.
  std::map<std::string, fs::path> exposed;
  std::vector<Owner> owners;
};

struct Limit {
  int resource = 0;  // RLIMIT_…
  std::uint64_t value = 0;
};

struct Launch {
  IdMapping ids;
  const View* view = nullptr;          // null: no mounts
  std::vector<std::string> arguments;  // the program by its absolute path
  std::vector<int> descriptors;        // become 0, 1, 2, …; -1: /dev/null. All others are closed.
  std::vector<Limit> limits;
};

// The process, which is ours to wait for; it ends when this thread does. Throws LaunchError.
pid_t launch(const Launch& launch);

// Where a program of this machine is. Throws Error(failed) when it is not installed.
std::string find_program(const std::string& name);

}  // namespace compose::sandbox
