#pragma once
// Runs the scripts of packages on a commit that has their files, in a sandbox, and takes over what they changed.

#include <set>
#include <string>

#include "ostree/tree.hpp"
#include "rpm/script_plan.hpp"
#include "sandbox/sandbox.hpp"
#include "support/events.hpp"

namespace compose::layers {

struct ScriptsInput {
  std::string commit;  // base and packages together
  rpm::ScriptPlan plan;
  std::set<std::string> package_paths;  // of the tree ("/usr/etc/x"): what the packages have
  std::uint64_t time = 0;               // SOURCE_DATE_EPOCH of the scripts
  sandbox::Limits limits = {};
  std::optional<sandbox::Capabilities> can = std::nullopt;
};

// Puts what the scripts changed into `tree`, which is loaded from the same commit; `scratch` is an empty folder on the
// repository's file system. Throws Error(input) naming the script, with the line for the recipe that lets it go: when
// it fails or does not end, and when it changed what is the base's (all paths are named), gave files to other users, or
// left pipes or sockets.
void run_scripts(ostree::Repository& repository, ostree::Tree& tree, const ScriptsInput& input, const fs::path& scratch,
                 Events& events);

// Whether scripts may change what the base has at the path: accounts, the links that enable units and choose
// alternatives, caches and indexes over what is installed, SELinux's policy.
bool scripts_may_change(const std::string& path);

}  // namespace compose::layers
