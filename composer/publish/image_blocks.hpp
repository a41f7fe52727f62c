#pragma once
// An image as snapshots see it: which of its blocks count, what they hold, and what of that a new snapshot needs beside
// its parent. Blocks are of 512 KiB (disk::snapshot_block_bytes), numbered from 0; the last one is filled with zeros.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/digest.hpp"
#include "support/events.hpp"
#include "support/path.hpp"

namespace compose::publish {

struct Block {
  std::uint32_t index = 0;
  Sha256Bytes sha256{};
  bool operator==(const Block&) const = default;
};

struct ImageBlocks {
  std::uint64_t size_bytes = 0;
  std::vector<Block> blocks;  // those that the file systems have allocated, in ascending order
  bool operator==(const ImageBlocks&) const = default;
};

// The SHA-256 of a block of zeros.
const Sha256Bytes& zero_block();

// Reads and hashes what counts of a raw image. Throws as disk::read_allocation() does.
ImageBlocks read_image_blocks(const fs::path& raw, Events& events);

// The blocks as text, in runs: "FIRST:SHA256SHA256… FIRST:…". Parsing throws Error(input), naming `origin`.
std::string to_text(const std::vector<Block>& blocks);
std::vector<Block> parse_blocks(std::string_view text, std::string_view origin);

// What has to be sent so that a snapshot reads as `image`: all its blocks without a parent; else those that differ from
// the parent's, and zeros for those that only the parent has. Ascending.
std::vector<Block> blocks_to_send(const ImageBlocks& image, const ImageBlocks* parent);

// As CompleteSnapshot wants it ("LINEAR"): the SHA-256 of the blocks' SHA-256, ascending.
Sha256Bytes linear_checksum(const std::vector<Block>& blocks);

// The smallest volume that holds the image.
std::uint64_t volume_gib(std::uint64_t size_bytes);

}  // namespace compose::publish
