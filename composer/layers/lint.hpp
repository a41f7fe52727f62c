#pragma once
// What would fail on the host, found in the tree. Layout rules: ostree's docs/adapting-existing.md and docs/var.md;
// presets: systemd.preset(5); tmpfiles.d(5).

#include <string>
#include <vector>

#include "agent/finding.hpp"
#include "ostree/tree.hpp"

namespace compose::layers {

// Checks the tree of `commit`; `foundation` tells what was there before: units of the base and of packages are the
// distribution's business.
std::vector<agent::Finding> lint(ostree::Repository& repository, const std::string& foundation,
                                 const std::string& commit);

// The release of the tree's only kernel (the folder of /usr/lib/modules with a vmlinuz). Throws Error(input) unless
// there is exactly one.
std::string kernel_version(const ostree::Tree& tree);

}  // namespace compose::layers
