#pragma once
// What differs between a tree and what programs made of it: from an overlay's upper folder (overlayfs.rst, "whiteouts
// and opaque directories"), or from a copy that is compared with what it was.

#include <map>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "sandbox/launch.hpp"
#include "sandbox/sandbox.hpp"

namespace compose::sandbox {

struct Compared {
  fs::path tree;     // as it was
  fs::path changed;  // the upper folder, or the copy
  fs::path spare;    // for copies of what only root may read
  bool user_namespace = false;
  std::map<std::string, Owner> owners;  // by path below `changed` ("usr/x"): of what is not root's inside
};

std::vector<Change> changes_in_overlay(const Compared& compared);

// What tells whether a file was touched: the kernel sets the change time, which nobody can set.
struct Stamp {
  std::uint64_t inode = 0;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  bool operator==(const Stamp&) const = default;
};
using Snapshot = std::map<std::string, Stamp>;  // by path below the folder

Snapshot take_snapshot(const fs::path& folder);
std::vector<Change> changes_in_copy(const Compared& compared, const Snapshot& snapshot);

}  // namespace compose::sandbox
