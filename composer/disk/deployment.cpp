#include "disk/deployment.hpp"

#include <set>
#include <sstream>

#include "disk/copy.hpp"
#include "disk/kernel.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::disk {
namespace {

std::size_t zone_of(std::size_t commit) { return commit == 0 ? base_zone : first_layer_zone + commit - 1; }

std::size_t directory_index(const std::string& checksum) { return std::stoul(checksum.substr(0, 2), nullptr, 16); }

std::set<std::string> names_of(const DirectoryTree& tree) {
  std::set<std::string> names;
  for (const auto& [name, file] : tree.files) names.insert(name);
  for (const auto& [name, directory] : tree.directories) names.insert(name);
  return names;
}

template <typename Map>
const typename Map::mapped_type* find(const Map& map, const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

void use_object(Node& node, const FileObject& object, std::vector<BlockRun> runs) {
  if (node.is_symlink()) {
    node.data = object.symlink_target;
    node.size_bytes = node.data.size();
    if (node.size_bytes >= fast_symlink_bytes) node.runs = {{0, 1}};
    return;
  }
  node.object = &object;
  node.size_bytes = object.size_bytes;
  node.runs = std::move(runs);
}

DeploymentBuilder::DeploymentBuilder(Model& model, const ChainContent& chain,
                                     const std::vector<std::vector<BlockRun>>& runs,
                                     const std::array<NodeId, 256>& object_directories, const FileMeta& metadata_meta)
    : model_(model),
      chain_(chain),
      runs_(runs),
      used_files_(chain.files.size()),
      used_metadata_(chain.metadata.size()),
      visited_trees_(chain.trees.size()) {
  const Commit& commit = chain.commits.back();
  model.zones = first_layer_zone + chain.commits.size() - 1;
  used_metadata_[commit.object] = true;
  if (commit.detached) used_metadata_[*commit.detached] = true;
  mark_used(commit.root);
  add_file_objects();
  name_objects(object_directories, add_metadata_objects(metadata_meta));
}

void DeploymentBuilder::mark_used(const Subdirectory& directory) {
  used_metadata_[chain_.metas[directory.meta].object] = true;
  if (visited_trees_[directory.tree]) return;
  visited_trees_[directory.tree] = true;
  const DirectoryTree& here = tree(directory);
  used_metadata_[here.object] = true;
  for (const auto& [name, file] : here.files) used_files_[file] = true;
  for (const auto& [name, child] : here.directories) mark_used(child);
}

void DeploymentBuilder::add_file_objects() {
  for (std::size_t i = 0; i < chain_.files.size(); ++i) {
    const FileObject& file = chain_.files[i];
    file_nodes_.push_back(copy_of(i, zone_of(file.commit)));
    model_.nodes[file_nodes_[i]].present = used_files_[i];
  }
}

std::vector<NodeId> DeploymentBuilder::add_metadata_objects(const FileMeta& meta) {
  std::vector<NodeId> nodes;
  for (std::size_t i = 0; i < chain_.metadata.size(); ++i) {
    const MetadataObject& object = chain_.metadata[i];
    Node node;
    node.meta = meta;
    node.data = object.bytes;
    node.size_bytes = object.bytes.size();
    node.runs = {{0, (object.bytes.size() + block_bytes - 1) / block_bytes}};
    node.zone = object.commit == 0 ? base_zone : volatile_zone;
    node.present = used_metadata_[i];
    model_.nodes.push_back(std::move(node));
    nodes.push_back(static_cast<NodeId>(model_.nodes.size() - 1));
  }
  return nodes;
}

// The base's names come first, in the order of the chain, whether they are still in use or not; of later ones only
// those in use have a name at all.
void DeploymentBuilder::name_objects(const std::array<NodeId, 256>& directories,
                                     const std::vector<NodeId>& metadata_nodes) {
  const auto name = [&](const std::string& checksum, const std::string& extension, NodeId node, bool in_base) {
    if (!in_base && !model_.nodes[node].present) return;
    const NodeId directory = directories.at(directory_index(checksum));
    model_.link(directory, checksum.substr(2) + "." + extension, node);
    if (in_base) model_.fix_entries(directory);
  };
  for (const bool in_base : {true, false}) {
    for (std::size_t i = 0; i < chain_.files.size(); ++i) {
      const FileObject& file = chain_.files[i];
      if ((file.commit == 0) == in_base) name(file.checksum, "file", file_nodes_[i], in_base);
    }
    for (std::size_t i = 0; i < chain_.metadata.size(); ++i) {
      const MetadataObject& object = chain_.metadata[i];
      if ((object.commit == 0) == in_base) name(object.checksum, object.extension, metadata_nodes[i], in_base);
    }
  }
}

NodeId DeploymentBuilder::copy_of(std::size_t file, std::size_t zone) {
  const FileObject& object = chain_.files[file];
  Node node;
  node.meta = object.meta;
  node.zone = zone;
  use_object(node, object, runs_[file]);
  model_.nodes.push_back(std::move(node));
  return static_cast<NodeId>(model_.nodes.size() - 1);
}

NodeId DeploymentBuilder::add(NodeId parent, const std::string& name, const Fstab& fstab) {
  const Subdirectory& base = chain_.commits.front().root;
  const Subdirectory& now = chain_.commits.back().root;
  if (find_directory(chain_, now, "etc") != nullptr) {
    throw Error(ErrorKind::input, "the commit has /etc",
                "in an OSTree commit the default configuration is in /usr/etc");
  }
  const Place root{&base, &now};
  const NodeId node = model_.add_directory(parent, name, chain_.metas[now.meta].meta, base_zone);
  const Place etc{find_directory(chain_, base, "usr/etc"), find_directory(chain_, now, "usr/etc")};
  if (etc.now != nullptr) add_etc(node, etc, fstab);
  fill(node, root, Files::linked);
  return node;
}

void DeploymentBuilder::add_etc(NodeId root, const Place& usr_etc, const Fstab& fstab) {
  const std::size_t zone = usr_etc.base != nullptr ? base_zone : volatile_zone;
  const NodeId etc = model_.add_directory(root, "etc", chain_.metas[usr_etc.now->meta].meta, zone);
  const bool writes_fstab = !has_fstab_entry(*usr_etc.now);
  fill(etc, usr_etc, Files::copied, writes_fstab ? "fstab" : "");
  if (writes_fstab) model_.add_file(etc, "fstab", fstab.meta, fstab.text, volatile_zone);
}

bool DeploymentBuilder::has_fstab_entry(const Subdirectory& etc) const {
  const FileObject* file = find_file(chain_, etc, "fstab");
  if (file == nullptr) return false;
  if (!file->symlink_target.empty()) return true;
  std::istringstream lines(read_file(chain_.path_of(*file), 1U << 20U));
  for (std::string line; std::getline(lines, line);) {
    const auto start = line.find_first_not_of(" \t\r");
    if (start != std::string::npos && line[start] != '#') return true;
  }
  return false;
}

NodeId DeploymentBuilder::add_directory(NodeId parent, const std::string& name, const Place& place, Files files) {
  const Subdirectory& shown = place.now != nullptr ? *place.now : *place.base;
  const std::size_t zone = place.base != nullptr ? base_zone : volatile_zone;
  const NodeId node = model_.add_directory(parent, name, chain_.metas[shown.meta].meta, zone);
  model_.nodes[node].present = place.now != nullptr;
  if (place.now == nullptr) --model_.nodes[parent].subdirectories;
  fill(node, place, files);
  return node;
}

void DeploymentBuilder::fill(NodeId directory, const Place& place, Files files, const std::string& skip) {
  std::set<std::string> base_names;
  if (place.base != nullptr) base_names = names_of(tree(*place.base));
  for (const auto& name : base_names) {
    if (name != skip) add_child(directory, name, place, files);
  }
  model_.fix_entries(directory);
  if (place.now == nullptr || (place.base != nullptr && place.base->tree == place.now->tree)) return;
  for (const auto& name : names_of(tree(*place.now))) {
    if (name != skip && !base_names.contains(name)) add_child(directory, name, place, files);
  }
}

void DeploymentBuilder::add_child(NodeId directory, const std::string& name, const Place& place, Files files) {
  static const DirectoryTree nothing;
  const DirectoryTree& base = place.base != nullptr ? tree(*place.base) : nothing;
  const DirectoryTree& now = place.now != nullptr ? tree(*place.now) : nothing;
  const Place child{find(base.directories, name), find(now.directories, name)};
  const std::size_t* base_file = find(base.files, name);
  const std::size_t* now_file = find(now.files, name);
  if (child.now != nullptr || (child.base != nullptr && now_file == nullptr)) {
    add_directory(directory, name, child, files);
  } else {
    add_file(directory, name, base_file, now_file, files);
  }
}

// libostree deploys an empty file as a file of its own, so that the empty object does not gather links without end.
void DeploymentBuilder::add_file(NodeId directory, const std::string& name, const std::size_t* base,
                                 const std::size_t* now, Files files) {
  const auto is_copied = [&](std::size_t file) {
    const FileObject& object = chain_.files[file];
    return files == Files::copied || (object.symlink_target.empty() && object.size_bytes == 0);
  };
  NodeId kept = no_node;
  const bool unchanged = base != nullptr && now != nullptr && *base == *now;
  if (base != nullptr && is_copied(*base)) {
    kept = copy_of(*base, base_zone);
    model_.nodes[kept].present = unchanged;
  }
  if (now == nullptr) {
    model_.nodes[directory].entries.push_back({name, no_node});
  } else if (!is_copied(*now)) {
    model_.link(directory, name, file_nodes_[*now]);
  } else {
    model_.link(directory, name, unchanged ? kept : copy_of(*now, volatile_zone));
  }
}

}  // namespace compose::disk
