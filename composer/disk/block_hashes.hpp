#pragma once
// The SHA-256 of each block of an image, and the digest of the whole that follows from them: that of fs-verity (Linux,
// Documentation/filesystems/fsverity.rst, "Merkle tree" and "fs-verity descriptor"; SHA-256, blocks of 4096 bytes, no
// salt), which `fsverity digest` prints. Unlike a running hash it can be renewed for the blocks that changed.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "disk/model.hpp"
#include "support/digest.hpp"

namespace compose::disk {

class BlockHashes {
 public:
  // Of an image that is all zeros; its last block may be a part of one.
  explicit BlockHashes(std::uint64_t size_bytes);

  std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  std::uint64_t blocks() const noexcept { return (size_bytes_ + block_bytes - 1) / block_bytes; }

  const Sha256Bytes& of(std::uint64_t block) const;
  bool is_zero(std::uint64_t block) const;
  void set(std::uint64_t block, const Sha256Bytes& hash);
  // The first block of [first, end) that is not zero, else `end`.
  std::uint64_t next_not_zero(std::uint64_t first, std::uint64_t end) const;

  // "sha256:" and 64 hexadecimal characters.
  std::string fsverity() const;

  // For a file of our own: what is not zero, piece by piece.
  void write(const std::function<void(std::string_view)>& put) const;
  // Takes what write() gave off the front of `bytes`; false when that is not there.
  bool take_from(std::string_view& bytes);

 private:
  // The hashes that fit into a block of the tree.
  using Group = std::array<Sha256Bytes, block_bytes / sizeof(Sha256Bytes)>;

  Sha256Bytes hash_of_group(std::size_t index) const;

  std::uint64_t size_bytes_;
  std::vector<std::unique_ptr<Group>> groups_;  // none: all of its blocks are zero
};

}  // namespace compose::disk
