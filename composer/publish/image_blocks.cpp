#include "publish/image_blocks.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include <fcntl.h>

#include <fmt/format.h>

#include "disk/allocation.hpp"
#include "publish/block_reader.hpp"
#include "support/error.hpp"
#include "support/parallel.hpp"

namespace compose::publish {
namespace {

constexpr std::size_t hex_digits = 64;

std::vector<std::uint32_t> counted(const disk::Allocation& allocation) {
  std::vector<std::uint32_t> indexes;
  for (std::size_t index = 0; index < allocation.blocks.size(); ++index) {
    if (allocation.blocks[index]) indexes.push_back(static_cast<std::uint32_t>(index));
  }
  return indexes;
}

[[noreturn]] void refuse(std::string_view origin) {
  throw Error(ErrorKind::input, fmt::format("{}: not a list of blocks", origin));
}

// One run: "FIRST:SHA256SHA256…".
void parse_run(std::string_view run, std::string_view origin, std::vector<Block>& blocks) {
  std::uint32_t index = 0;
  const auto [end, error] = std::from_chars(run.data(), run.data() + run.size(), index);
  const auto colon = static_cast<std::size_t>(end - run.data());
  if (error != std::errc() || colon >= run.size() || run[colon] != ':') refuse(origin);
  std::string_view digests = run.substr(colon + 1);
  if (digests.empty() || digests.size() % hex_digits != 0) refuse(origin);
  if (!blocks.empty() && index <= blocks.back().index) refuse(origin);
  for (; !digests.empty(); digests.remove_prefix(hex_digits)) {
    const auto sha256 = parse_sha256(digests.substr(0, hex_digits));
    if (!sha256) refuse(origin);
    blocks.push_back({index++, *sha256});
  }
}

}  // namespace

const Sha256Bytes& zero_block() {
  static const Sha256Bytes digest = [] {
    const std::vector<unsigned char> zeros(disk::snapshot_block_bytes);
    return Sha256().update(zeros).finish();
  }();
  return digest;
}

ImageBlocks read_image_blocks(const fs::path& raw, Events& events) {
  Stage stage(events, "blocks", raw.filename().string());
  const disk::Allocation allocation = disk::read_allocation(raw);
  for (const std::string& partition : allocation.taken_whole) {
    events.note(fmt::format("{}: all of partition {} counts", raw.filename().string(), partition));
  }
  const std::vector<std::uint32_t> indexes = counted(allocation);
  ImageBlocks image{allocation.size_bytes, std::vector<Block>(indexes.size())};
  const BlockReader reader(raw);
  for_each_in_parallel(indexes.size(), std::thread::hardware_concurrency(), [&](std::size_t i) {
    image.blocks[i] = {indexes[i], Sha256().update(reader.read(indexes[i])).finish()};
  });
  stage.finish(fmt::format("{} of {} blocks", image.blocks.size(), allocation.blocks.size()));
  return image;
}

std::string to_text(const std::vector<Block>& blocks) {
  std::string text;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const bool continues = i > 0 && blocks[i - 1].index + 1 == blocks[i].index;
    if (!continues) text += fmt::format("{}{}:", i == 0 ? "" : " ", blocks[i].index);
    text += to_hex(blocks[i].sha256);
  }
  return text;
}

std::vector<Block> parse_blocks(std::string_view text, std::string_view origin) {
  std::vector<Block> blocks;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    parse_run(text.substr(0, end), origin, blocks);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return blocks;
}

std::vector<Block> blocks_to_send(const ImageBlocks& image, const ImageBlocks* parent) {
  if (parent == nullptr) return image.blocks;
  std::vector<Block> changed;
  auto old = parent->blocks.begin();
  const auto free_until = [&](std::uint32_t index) {
    for (; old != parent->blocks.end() && old->index < index; ++old) {
      if (old->sha256 != zero_block()) changed.push_back({old->index, zero_block()});
    }
  };
  for (const Block& block : image.blocks) {
    free_until(block.index);
    const bool in_parent = old != parent->blocks.end() && old->index == block.index;
    if (!in_parent || old->sha256 != block.sha256) changed.push_back(block);
    if (in_parent) ++old;
  }
  free_until(UINT32_MAX);
  return changed;
}

Sha256Bytes linear_checksum(const std::vector<Block>& blocks) {
  Sha256 sum;
  for (const Block& block : blocks) sum.update(block.sha256);
  return sum.finish();
}

std::uint64_t volume_gib(std::uint64_t size_bytes) { return (size_bytes + (1ULL << 30U) - 1) >> 30U; }

}  // namespace compose::publish
