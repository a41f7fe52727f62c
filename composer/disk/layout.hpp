#pragma once
// Where everything goes: inode numbers and blocks for the nodes of a model. Pure.
//
// Order (what makes one version's disk differ from the last only where the content differs):
//   base zone      directories' blocks together, then all other nodes in their order
//   volatile zone  from a snapshot block's start: second blocks of directories, then its nodes
//   layer zones    each from a snapshot block's start: directories, small files in order, large ones by size; some room
//                  is left behind, so that a layer may grow a little without moving the next
// Inode numbers follow the same order, with some room between the zones.

#include <cstdint>
#include <vector>

#include "disk/directory.hpp"
#include "disk/model.hpp"

namespace compose::disk {

struct Segment {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool operator==(const Segment&) const = default;
};

// `count` blocks of a file from its block `logical` on are at block `physical` of the file system.
struct Extent {
  std::uint64_t logical = 0;
  std::uint64_t physical = 0;
  std::uint64_t count = 0;
  bool operator==(const Extent&) const = default;
};

struct Placement {
  std::uint32_t inode = 0;
  std::vector<Extent> extents;
  std::vector<std::uint64_t> extent_blocks;  // leaves of the extent tree, when the inode has no room for all extents
  std::uint64_t xattr_block = 0;             // 0: none
};

struct Layout {
  std::vector<Placement> placements;       // by NodeId
  std::vector<DirectoryPlan> directories;  // by NodeId; empty for others
  std::uint64_t used_blocks = 0;           // from the first block to the last, with all gaps
  std::uint32_t last_inode = 0;
};

constexpr std::size_t extents_in_inode = 4;
constexpr std::size_t extents_in_block = 340;  // (4096 - header - checksum) / 12
constexpr std::uint64_t extent_blocks_limit = 32768;

// `needs_xattr_block[id]` tells which nodes have attributes outside their inode. `free` is in ascending order.
// Throws Error(input) when the space is not enough or a file would need more than 4 * 340 extents.
Layout make_layout(const Model& model, const std::vector<bool>& needs_xattr_block, const std::vector<Segment>& free);

}  // namespace compose::disk
