#pragma once
// A commit in a sandbox, and what programs changed there put into an ostree::Tree.

#include <optional>
#include <vector>

#include "ostree/tree.hpp"
#include "sandbox/sandbox.hpp"

namespace compose::layers {

class SandboxedTree {
 public:
  // Checks `commit` out below `scratch` (a folder on the repository's file system): hard links, which the sandbox never
  // writes to.
  SandboxedTree(ostree::Repository& repository, const std::string& commit, const fs::path& scratch,
                const sandbox::Limits& limits = {}, const std::optional<sandbox::Capabilities>& can = std::nullopt);

  sandbox::Outcome run(const sandbox::Command& command, std::uint64_t time) { return sandbox_->run(command, time); }

  // What is different: not what was only touched or written again as it was.
  std::vector<sandbox::Change> changes() const;

 private:
  bool is_same(const sandbox::Change& change) const;

  fs::path checkout_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;
};

// Puts the change into the tree. What was there keeps owner, mode and attributes, but for a mode that was changed: a
// checkout does not show set-user-ID bits, capabilities and owners, so nothing is said of them. What is new is root's.
void apply(const sandbox::Change& change, ostree::Tree& tree);

// The end of what it said, without line breaks after it; empty when it said nothing.
std::string last_words(const sandbox::Outcome& outcome);

// "NAME failed with exit code 1:" and the last lines of what it said.
std::string describe_failure(const std::string& name, const sandbox::Outcome& outcome);

}  // namespace compose::layers
