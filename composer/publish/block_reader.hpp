#pragma once
// Reads a raw image block by block.

#include <cstdint>
#include <span>

#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose::publish {

class BlockReader {
 public:
  // Throws Error(failed) when the file cannot be opened.
  explicit BlockReader(const fs::path& raw);

  // One block of disk::snapshot_block_bytes; zeros beyond the image's end. Valid until this thread reads another one.
  // For any number of threads at once. Throws Error(failed).
  std::span<const unsigned char> read(std::uint32_t index) const;

 private:
  fs::path raw_;
  Fd fd_;
};

}  // namespace compose::publish
