#pragma once
// Writes blocks into an image, but only those that are not there already.

#include <cstdint>
#include <mutex>
#include <span>

#include "disk/block_hashes.hpp"

namespace compose::disk {

class BlockWriter {
 public:
  // `image` has the length that `hashes` says, and the content; both stay the caller's. `hashes` follows what is
  // written.
  BlockWriter(int image, BlockHashes& hashes) : image_(image), hashes_(hashes) {}

  // Whole blocks at a block's place. To be called by several threads, for different blocks. Throws Error(failed).
  void put(std::uint64_t offset_bytes, std::span<const char> data);
  // Makes holes of all blocks between the two places, which are blocks' places. Not by several threads.
  void clear(std::uint64_t begin_bytes, std::uint64_t end_bytes);

 private:
  void write(std::uint64_t offset_bytes, std::span<const char> data) const;
  void punch(std::uint64_t first, std::uint64_t end);

  int image_;
  BlockHashes& hashes_;
  std::mutex mutex_;
};

}  // namespace compose::disk
