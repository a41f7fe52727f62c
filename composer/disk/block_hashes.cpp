#include "disk/block_hashes.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace compose::disk {
namespace {

constexpr std::size_t group_blocks = block_bytes / sizeof(Sha256Bytes);

const Sha256Bytes& zero_block() {
  static const Sha256Bytes hash = [] {
    const std::array<unsigned char, block_bytes> zeros{};
    return sha256(zeros);
  }();
  return hash;
}

// One level up: the hashes of blocks full of hashes, the last of which is filled up with zeros.
std::vector<Sha256Bytes> next_level(const std::vector<Sha256Bytes>& hashes) {
  std::vector<Sha256Bytes> above;
  for (std::size_t first = 0; first < hashes.size(); first += group_blocks) {
    std::array<unsigned char, block_bytes> block{};
    const std::size_t count = std::min(group_blocks, hashes.size() - first);
    std::memcpy(block.data(), &hashes[first], count * sizeof(Sha256Bytes));
    above.push_back(sha256(block));
  }
  return above;
}

// struct fsverity_descriptor, which is what gets hashed in the end.
Sha256Bytes hash_descriptor(std::uint64_t size_bytes, const Sha256Bytes& root) {
  std::array<unsigned char, 256> descriptor{};
  descriptor[0] = 1;   // version
  descriptor[1] = 1;   // SHA-256
  descriptor[2] = 12;  // log2 of the block's size
  for (std::size_t i = 0; i < 8; ++i) descriptor[8 + i] = static_cast<unsigned char>(size_bytes >> (8 * i));
  std::copy(root.begin(), root.end(), descriptor.begin() + 16);
  return sha256(descriptor);
}

template <typename Value>
std::string_view bytes_of(const Value& value) {
  const void* raw = &value;
  return {static_cast<const char*>(raw), sizeof(value)};
}

bool take_number(std::string_view& bytes, std::uint64_t& number) {
  if (bytes.size() < sizeof(number)) return false;
  std::memcpy(&number, bytes.data(), sizeof(number));
  bytes.remove_prefix(sizeof(number));
  return true;
}

}  // namespace

BlockHashes::BlockHashes(std::uint64_t size_bytes)
    : size_bytes_(size_bytes), groups_((blocks() + group_blocks - 1) / group_blocks) {}

const Sha256Bytes& BlockHashes::of(std::uint64_t block) const {
  const auto& group = groups_.at(block / group_blocks);
  return group ? (*group)[block % group_blocks] : zero_block();
}

bool BlockHashes::is_zero(std::uint64_t block) const { return of(block) == zero_block(); }

void BlockHashes::set(std::uint64_t block, const Sha256Bytes& hash) {
  auto& group = groups_.at(block / group_blocks);
  if (!group) {
    group = std::make_unique<Group>();
    group->fill(zero_block());
  }
  (*group)[block % group_blocks] = hash;
}

std::uint64_t BlockHashes::next_not_zero(std::uint64_t first, std::uint64_t end) const {
  while (first < end) {
    if (!groups_[first / group_blocks]) {
      first = (first / group_blocks + 1) * group_blocks;
    } else if (is_zero(first)) {
      ++first;
    } else {
      return first;
    }
  }
  return end;
}

Sha256Bytes BlockHashes::hash_of_group(std::size_t index) const {
  const std::size_t count = std::min<std::uint64_t>(group_blocks, blocks() - index * group_blocks);
  std::array<unsigned char, block_bytes> block{};
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(&block.at(i * sizeof(Sha256Bytes)), of(index * group_blocks + i).data(), sizeof(Sha256Bytes));
  }
  return sha256(block);
}

std::string BlockHashes::fsverity() const {
  std::vector<Sha256Bytes> level;
  if (blocks() == 1) level.push_back(of(0));
  if (blocks() > 1) {
    const Sha256Bytes zeros = next_level(std::vector<Sha256Bytes>(group_blocks, zero_block())).front();
    const bool last_is_full = blocks() % group_blocks == 0;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      const bool is_all_zero = !groups_[i] && (last_is_full || i + 1 < groups_.size());
      level.push_back(is_all_zero ? zeros : hash_of_group(i));
    }
  }
  while (level.size() > 1) level = next_level(level);
  return "sha256:" + to_hex(hash_descriptor(size_bytes_, level.empty() ? Sha256Bytes{} : level.front()));
}

void BlockHashes::write(const std::function<void(std::string_view)>& put) const {
  const std::uint64_t count =
      groups_.size() - static_cast<std::size_t>(std::count(groups_.begin(), groups_.end(), nullptr));
  put(bytes_of(size_bytes_));
  put(bytes_of(count));
  for (std::uint64_t i = 0; i < groups_.size(); ++i) {
    if (!groups_[i]) continue;
    put(bytes_of(i));
    put(bytes_of(*groups_[i]));
  }
}

bool BlockHashes::take_from(std::string_view& bytes) {
  std::uint64_t size_bytes = 0;
  std::uint64_t count = 0;
  if (!take_number(bytes, size_bytes) || !take_number(bytes, count)) return false;
  *this = BlockHashes(size_bytes);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t index = 0;
    if (!take_number(bytes, index) || index >= groups_.size() || bytes.size() < sizeof(Group)) return false;
    groups_[index] = std::make_unique<Group>();
    std::memcpy(groups_[index]->data(), bytes.data(), sizeof(Group));
    bytes.remove_prefix(sizeof(Group));
  }
  return true;
}

}  // namespace compose::disk
