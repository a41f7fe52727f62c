#pragma once
// Paths of the tree with their parents' symbolic links followed within the tree, as the running host would follow them:
// an absolute link starts at the tree's root, ".." stops there. Nothing on the build host is looked at.

#include <map>
#include <string>

#include "ostree/tree.hpp"

namespace compose::layers {

class PathResolver {
 public:
  // `tree` must outlive it. What is put into the tree meanwhile is seen; nothing may be removed.
  explicit PathResolver(const ostree::Tree& tree) : tree_(tree) {}

  // The path with its parents followed; its own last name stays, whether or not it is there. Throws Error(input) for a
  // loop of links, and when a parent is a file.
  std::string resolve(const std::string& path);

 private:
  std::string follow(const std::string& directory, unsigned& links);
  std::string step(const std::string& parent, const std::string& name, unsigned& links);

  const ostree::Tree& tree_;
  std::map<std::string, std::string> directories_;  // that exist, as asked -> as they are
};

}  // namespace compose::layers
