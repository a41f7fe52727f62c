#pragma once
// What of an image anybody will ever read: the blocks that its file systems have allocated. Snapshots leave out the
// others, and only those: what was never written may read as anything on an encrypted volume.

#include <cstdint>
#include <string>
#include <vector>

#include "support/path.hpp"

namespace compose::disk {

// The unit in which a stable layout pays off: EBS snapshots keep and compare blocks of this size.
constexpr std::uint64_t snapshot_block_bytes = 512U << 10U;

struct Allocation {
  std::uint64_t size_bytes = 0;  // of the image
  std::vector<bool> blocks;      // by number: whether any byte of that snapshot block counts; the last may be partial
  std::vector<std::string> taken_whole;  // partitions of which all blocks count, for people: "3 (unknown content)"
};

// Reads a raw image with a GPT. Of ext4 and FAT (16, 32) partitions what they have allocated counts, of others all, and
// outside of partitions what is not a hole of the file. Throws Error(input) for files without a readable GPT or with a
// damaged file system.
Allocation read_allocation(const fs::path& image);

}  // namespace compose::disk
