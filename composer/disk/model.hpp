#pragma once
// A file system as plain values, before anything is written: inodes ("nodes") and the names that lead to them.
//
// Nodes belong to zones. A zone's inodes and blocks are kept together and zones follow each other, so that a change in
// one zone leaves the places of all earlier ones as they were. A node that is not `present` only keeps its place free:
// it is something that the base commit has and the deployed commit replaced.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "disk/allocation.hpp"
#include "support/content.hpp"

namespace compose::disk {

constexpr std::uint64_t block_bytes = 4096;

using NodeId = std::uint32_t;
constexpr NodeId no_node = UINT32_MAX;
constexpr std::uint64_t fast_symlink_bytes = 60;  // shorter targets are kept in the inode
constexpr NodeId root_node = 0;
constexpr NodeId lost_and_found_node = 1;

// What no commit carries. Not 0: libostree takes /ostree/deploy with time 0 for a system that it has already loaded,
// and then aborts.
constexpr std::uint32_t generated_time = 1;

// A name in a directory; without a node it only keeps the space that the name took in the base commit.
struct Entry {
  std::string name;
  NodeId node = no_node;
};

// A run of blocks of a file that hold something, by position in the file.
struct BlockRun {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool operator==(const BlockRun&) const = default;
};

struct Node {
  FileMeta meta;
  std::size_t zone = 0;
  bool present = true;
  bool immutable = false;
  std::uint32_t links = 0;  // names that lead here; of a directory those from its parent only
  std::uint32_t time = 0;   // of last change, in seconds: 0, as OSTree gives to what it deploys, or generated_time

  // Regular files: `size_bytes` from `object`, or `data` itself when there is no object. Symbolic links: `data`.
  const FileObject* object = nullptr;
  std::string data;
  std::uint64_t size_bytes = 0;
  std::vector<BlockRun> runs;  // what of the file is not a hole

  // Directories. Of one in the base zone, the first `fixed_entries` stay where the base commit alone would put them;
  // additions come after them, in blocks of the volatile zone when the last block has no room.
  NodeId parent = root_node;
  std::vector<Entry> entries;
  std::size_t fixed_entries = 0;
  bool separate_additions = false;  // many additions are usual: they get a block of their own from the start
  std::uint32_t minimum_blocks = 1;
  std::uint32_t subdirectories = 0;

  bool is_directory() const;
  bool is_regular() const;
  bool is_symlink() const;
};

constexpr std::size_t base_zone = 0;
constexpr std::size_t volatile_zone = 1;  // small things that differ from version to version, whatever changed
constexpr std::size_t first_layer_zone = 2;

// The nodes [0] and [1] are the root directory and lost+found.
struct Model {
  Model();

  std::vector<Node> nodes;
  std::size_t zones = first_layer_zone;

  // A new directory below `parent`.
  NodeId add_directory(NodeId parent, std::string name, FileMeta meta, std::size_t zone);
  // A new file or symbolic link with this content (the mode tells which).
  NodeId add_file(NodeId parent, std::string name, FileMeta meta, std::string data, std::size_t zone);
  // One more name for a node. Throws Error(input) when ext4 allows no more links.
  void link(NodeId parent, std::string name, NodeId node);
  // All names so far are fixed ones; those that follow are additions.
  void fix_entries(NodeId directory);
};

// Mode bits with type, owner root.
FileMeta root_owned(std::uint32_t mode);

}  // namespace compose::disk
