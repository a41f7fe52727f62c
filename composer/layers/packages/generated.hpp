#pragma once
// What has to be made anew because of what was installed: the linker's cache, the kernel's module index and the
// initramfs, with the tree's own programs in a sandbox. And a tree has one kernel.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ostree/tree.hpp"
#include "sandbox/sandbox.hpp"
#include "support/events.hpp"

namespace compose::layers {

// Moves what kernel packages have in /boot (vmlinuz-KVER, config-KVER, System.map-KVER; also where /boot was placed,
// /usr/lib/ostree-boot) to /usr/lib/modules/KVER, unless it is there.
void place_kernels(ostree::Tree& tree);

// With a kernel from packages all others go. `from_packages`: the versions whose /usr/lib/modules/KVER they have files
// in. `owners`: of the base's versions, packages of the rpm database that own their modules and stay. Throws
// Error(input) when packages bring several kernels, or when a kernel that has to go belongs to a package that stays.
void keep_one_kernel(ostree::Tree& tree, const std::set<std::string>& from_packages,
                     const std::map<std::string, std::string>& owners);

// The versions that have a kernel in the tree, sorted.
std::vector<std::string> kernels_in(const ostree::Tree& tree);

struct GeneratedPlan {
  bool linker_cache = false;
  std::optional<std::string> module_index;  // the kernel's version
  std::optional<std::string> initramfs;
  bool empty() const { return !linker_cache && !module_index && !initramfs; }
};

// What `changed` paths of the tree ask for. The linker's cache: shared libraries, if the tree has a cache (Debian-like
// ones may have none). The module index: anything below /usr/lib/modules/KVER. The initramfs: what dracut puts into it
// or is told by, see generated.cpp; only if the tree has a kernel and dracut.
GeneratedPlan plan_generated(const ostree::Tree& tree, const std::set<std::string>& changed);

// The paths that differ between two commits' trees.
std::set<std::string> changed_paths(ostree::Repository& repository, const std::string& from, const std::string& to);

// Runs it on `commit` and puts the results into `tree`, loaded from the same commit. The same bytes for the same commit
// and time, whoever runs it. Throws Error(input) with what a program said when it fails.
void make_generated(ostree::Repository& repository, ostree::Tree& tree, const std::string& commit,
                    const GeneratedPlan& plan, std::uint64_t time, const fs::path& scratch, Events& events,
                    const std::optional<sandbox::Capabilities>& can = std::nullopt);

}  // namespace compose::layers
