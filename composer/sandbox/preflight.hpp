#pragma once
// What this machine can do for a sandbox, found by trying it.

#include <string>
#include <vector>

#include "support/path.hpp"

namespace compose::sandbox {

enum class Isolation {
  overlay,  // overlayfs: nothing is copied
  copy,     // the tree is copied first: overlayfs does not work on this file system
};

enum class Ids {
  all,     // root, or a range of subordinate ids (newuidmap): programs may give files to any user
  single,  // only root's id exists inside: giving files to others fails
};

struct Capabilities {
  Isolation isolation{};
  Ids ids{};
  std::vector<std::string> notes;  // why not the better one, a sentence each
};

// Tries in `scratch` (a folder on the file system that will be used). Throws Error(failed) when programs cannot be run
// isolated at all: namespaces are off, bubblewrap is missing; the hint says what to change.
Capabilities preflight(const fs::path& scratch);

}  // namespace compose::sandbox
