#include "layers/tree_reader.hpp"

namespace compose::layers {

agent::TreeEntry OstreeReader::look(const std::string& path) const {
  using Kind = agent::TreeEntry::Kind;
  const auto node = tree_.lookup(path);
  if (!node) return {};
  const std::uint32_t mode = node->meta.mode & 07777U;
  switch (node->kind) {
    case ostree::NodeKind::file:
      return {Kind::file, mode, {}};
    case ostree::NodeKind::symlink:
      return {Kind::symlink, mode, node->symlink_target};
    case ostree::NodeKind::directory:
      break;
  }
  return {Kind::directory, mode, {}};
}

std::vector<std::string> OstreeReader::names_in(const std::string& directory) const {
  const std::set<std::string> names = tree_.names(directory);
  return {names.begin(), names.end()};
}

}  // namespace compose::layers
