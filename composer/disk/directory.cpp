#include "disk/directory.hpp"

#include <cstring>

#include <ext2fs/ext2_fs.h>

namespace compose::disk {
namespace {

constexpr std::size_t usable_bytes = block_bytes - sizeof(ext2_dir_entry_tail);
constexpr std::size_t header_bytes = 8;  // inode, record length, name length, type

std::size_t record_bytes(std::size_t name_bytes) { return (header_bytes + name_bytes + 3) / 4 * 4; }

class Planner {
 public:
  explicit Planner(const Node& directory) : directory_(directory) {
    plan_.blocks.emplace_back();
    used_ = record_bytes(1) + record_bytes(2);
  }

  void place(std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      const std::size_t size = record_bytes(directory_.entries[i].name.size());
      if (used_ + size > usable_bytes) new_block(i);
      used_ += size;
      plan_.blocks.back().last = i + 1;
    }
  }

  void new_block(std::size_t next_entry) {
    plan_.blocks.push_back({next_entry, next_entry});
    used_ = 0;
  }

  std::size_t count() const { return plan_.blocks.size(); }
  void end_of_fixed() { plan_.fixed_blocks = plan_.blocks.size(); }
  DirectoryPlan finish() { return std::move(plan_); }

 private:
  const Node& directory_;
  DirectoryPlan plan_;
  std::size_t used_ = 0;
};

void put(std::string& block, std::size_t at, std::size_t length, const DirectoryRecord& record) {
  ext2_dir_entry_2 entry{};
  entry.inode = record.inode;
  entry.rec_len = static_cast<std::uint16_t>(length);
  entry.name_len = static_cast<std::uint8_t>(record.inode == 0 ? 0 : record.name.size());
  entry.file_type = record.type;
  std::memcpy(block.data() + at, &entry, header_bytes);
  std::memcpy(block.data() + at + header_bytes, record.name.data(), entry.name_len);
}

}  // namespace

DirectoryPlan plan_directory(const Node& directory) {
  Planner planner(directory);
  const std::size_t entries = directory.entries.size();
  const std::size_t fixed = directory.zone == base_zone ? directory.fixed_entries : entries;
  planner.place(0, fixed);
  while (planner.count() < directory.minimum_blocks) planner.new_block(fixed);
  planner.end_of_fixed();
  if (directory.separate_additions) planner.new_block(fixed);
  planner.place(fixed, entries);
  return planner.finish();
}

std::string encode_directory_block(std::span<const DirectoryRecord> records) {
  std::string block(block_bytes, '\0');
  std::size_t at = 0;
  std::size_t pending = 0;  // start of the last record that is in use, whose length takes in all gaps behind it
  const DirectoryRecord* last = nullptr;
  for (const auto& record : records) {
    if (record.inode != 0) {
      if (last != nullptr || at > pending)
        put(block, pending, at - pending, last != nullptr ? *last : DirectoryRecord{});
      pending = at;
      last = &record;
    }
    at += record_bytes(record.name.size());
  }
  put(block, pending, usable_bytes - pending, last != nullptr ? *last : DirectoryRecord{});
  return block;
}

}  // namespace compose::disk
