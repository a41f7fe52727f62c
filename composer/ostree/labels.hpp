#pragma once
// SELinux labels from the policy inside a commit, whatever the build host runs.

#include "ostree/tree.hpp"

namespace compose::ostree {

// The labelling function of the commit's own policy (/usr/etc/selinux), or an empty function when it has none. The
// policy's files are laid out below `scratch` (a directory of the caller's) only while this runs.
LabelFunction load_labels(Repository& repository, const std::string& commit, const fs::path& scratch);

}  // namespace compose::ostree
