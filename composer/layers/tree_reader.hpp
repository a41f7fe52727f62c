#pragma once
// An OSTree tree as the contract's rules read it.

#include "agent/host_tree.hpp"
#include "ostree/tree.hpp"

namespace compose::layers {

// `tree` must outlive it.
class OstreeReader final : public agent::TreeReader {
 public:
  explicit OstreeReader(const ostree::Tree& tree) : tree_(tree) {}

  agent::TreeEntry look(const std::string& path) const override;
  std::vector<std::string> names_in(const std::string& directory) const override;
  std::string read(const std::string& path) const override { return tree_.read(path); }

 private:
  const ostree::Tree& tree_;
};

}  // namespace compose::layers
