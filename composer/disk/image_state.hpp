#pragma once
// What is known of an image that was written: enough to write the next one by its differences, without reading it.

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "disk/block_hashes.hpp"

namespace compose::disk {

// Bytes of a file's content and their place. What is behind them in their last block is zeros.
struct ContentPiece {
  std::uint64_t disk_offset = 0;
  std::uint64_t file_offset = 0;
  std::uint64_t bytes = 0;
  Sha256Bytes content{};  // the object's checksum; of a file without object, the SHA-256 of its bytes
  bool operator==(const ContentPiece&) const = default;
};

struct ImageState {
  std::vector<ContentPiece> content;  // in the order of the disk
  BlockHashes blocks{0};
};

// Gives a file's bytes piece by piece: for this host, not for other ones.
void encode(const ImageState& state, const std::function<void(std::string_view)>& put);
// Nothing, if these are not the bytes that encode() gave.
std::optional<ImageState> decode(std::string_view bytes);

}  // namespace compose::disk
