#pragma once
// Linear ext4 directories: which name stands in which block, and a block's bytes.
//
// A name of the base commit keeps its place whatever happens to the others: a missing one leaves a gap. Names that a
// later commit adds follow in the room that is left, then in blocks of their own.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "disk/model.hpp"

namespace compose::disk {

// What one block holds: entries[first, last) of the directory. The first block starts with "." and "..".
struct DirectoryBlock {
  std::size_t first = 0;
  std::size_t last = 0;
};

struct DirectoryPlan {
  std::vector<DirectoryBlock> blocks;
  std::size_t fixed_blocks = 0;  // belong to the directory's own zone; those that follow to the volatile one
};

DirectoryPlan plan_directory(const Node& directory);

// An entry as it is written.
struct DirectoryRecord {
  std::string_view name;
  std::uint32_t inode = 0;  // 0: only the space
  std::uint8_t type = 0;    // EXT2_FT_*
};

// The bytes of one block, without the checksum at its end (its place is left).
std::string encode_directory_block(std::span<const DirectoryRecord> records);

}  // namespace compose::disk
