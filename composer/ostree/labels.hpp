#pragma once
// SELinux labels from the policy inside a commit, whatever the build host runs.

#include "ostree/tree.hpp"

namespace compose::ostree {

// Labelling functions by policy. A policy costs most of a second to load, and the commits of a chain nearly always
// share theirs.
class Labels {
 public:
  // The labelling function of the commit's own policy (/usr/etc/selinux), or an empty function when it has none. The
  // policy's files are laid out below `scratch` (a directory of the caller's) only while this runs.
  LabelFunction load(Repository& repository, const std::string& commit, const fs::path& scratch);

 private:
  std::map<std::string, LabelFunction> by_policy_;  // checksum of the policy's dirtree
};

}  // namespace compose::ostree
