#include "disk/model.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::disk {
namespace {

constexpr std::uint32_t max_links = 65000;  // EXT4_LINK_MAX

}  // namespace

bool Node::is_directory() const { return S_ISDIR(meta.mode); }
bool Node::is_regular() const { return S_ISREG(meta.mode); }
bool Node::is_symlink() const { return S_ISLNK(meta.mode); }

FileMeta root_owned(std::uint32_t mode) {
  FileMeta meta;
  meta.mode = mode;
  return meta;
}

Model::Model() {
  Node root;
  root.meta = root_owned(S_IFDIR | 0755);
  root.links = 1;
  nodes.push_back(std::move(root));
  const NodeId lost = add_directory(root_node, "lost+found", root_owned(S_IFDIR | 0700), base_zone);
  nodes[lost].minimum_blocks = 4;  // as mke2fs makes it: e2fsck must not have to allocate
}

NodeId Model::add_directory(NodeId parent, std::string name, FileMeta meta, std::size_t zone) {
  Node node;
  node.meta = std::move(meta);
  node.zone = zone;
  node.parent = parent;
  nodes.push_back(std::move(node));
  const auto id = static_cast<NodeId>(nodes.size() - 1);
  link(parent, std::move(name), id);
  ++nodes[parent].subdirectories;
  return id;
}

NodeId Model::add_file(NodeId parent, std::string name, FileMeta meta, std::string data, std::size_t zone) {
  Node node;
  node.meta = std::move(meta);
  node.zone = zone;
  node.size_bytes = data.size();
  node.data = std::move(data);
  const bool has_blocks = node.is_symlink() ? node.size_bytes >= fast_symlink_bytes : node.size_bytes > 0;
  if (has_blocks) node.runs = {{0, (node.size_bytes + block_bytes - 1) / block_bytes}};
  nodes.push_back(std::move(node));
  const auto id = static_cast<NodeId>(nodes.size() - 1);
  link(parent, std::move(name), id);
  return id;
}

void Model::link(NodeId parent, std::string name, NodeId node) {
  if (nodes[node].links >= max_links) {
    throw Error(ErrorKind::input, fmt::format("the file '{}' has more than {} names", name, max_links),
                "ext4 allows no more hard links to one file: make copies that differ in owner, mode or content");
  }
  ++nodes[node].links;
  nodes[parent].entries.push_back({std::move(name), node});
}

void Model::fix_entries(NodeId directory) { nodes[directory].fixed_entries = nodes[directory].entries.size(); }

}  // namespace compose::disk
