#pragma once
// What differs between two images of the same size, by snapshot block (512 KiB), and what each differing 4 KiB block
// is.

#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <boost/filesystem/operations.hpp>

#include "support/ext4_reader.hpp"

namespace compose::tests {

constexpr std::uint64_t small_block = 4096;
constexpr std::uint64_t snapshot_block = 512U << 10U;

// Block of the file system -> what it holds.
class BlockKinds {
 public:
  explicit BlockKinds(const Ext4Reader& reader) : reader_(reader) {
    add_tables();
    for (const auto& [path, inode] : reader.walk("/"))
      add_inode(inode, kind_of(path, S_ISDIR(reader.inode(inode).i_mode)));
    add_inode(EXT2_JOURNAL_INO, "journal");
  }

  std::string at(std::uint64_t block) const {
    const auto found = kinds_.find(block);
    return found == kinds_.end() ? "free" : found->second;
  }

 private:
  static std::string kind_of(const std::string& path, bool directory) {
    if (path.starts_with("/ostree/repo/objects/")) {
      if (directory) return "object directory";
      return path.ends_with(".file") ? "content" : "repository metadata";
    }
    const bool deployed = path.starts_with("/ostree/deploy/") && path.find("/deploy/", 15) != std::string::npos;
    if (deployed) return directory ? "directory" : "content";
    return "skeleton";
  }

  void add_tables() {
    const ext2_filsys fs = reader_.raw();
    for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
      blk64_t super = 0;
      blk64_t old_descriptors = 0;
      blk64_t new_descriptors = 0;
      blk_t used = 0;
      ext2fs_super_and_bgd_loc2(fs, group, &super, &old_descriptors, &new_descriptors, &used);
      const std::string which = group == 0 ? "" : "backup ";
      if (group == 0 || super != 0) kinds_[super] = which + "superblock";
      for (blk64_t i = 0; old_descriptors != 0 && i < fs->desc_blocks; ++i)
        kinds_[old_descriptors + i] = which + "group descriptors";
      kinds_[ext2fs_block_bitmap_loc(fs, group)] = "block bitmap";
      kinds_[ext2fs_inode_bitmap_loc(fs, group)] = "inode bitmap";
      for (blk64_t i = 0; i < fs->inode_blocks_per_group; ++i)
        kinds_[ext2fs_inode_table_loc(fs, group) + i] = "inode table";
    }
  }

  void add_inode(ext2_ino_t number, const std::string& kind) {
    ext2_inode inode = reader_.inode(number);
    if (!ext2fs_inode_has_valid_blocks2(reader_.raw(), &inode)) return;
    struct Context {
      std::map<std::uint64_t, std::string>* kinds;
      const std::string* kind;
    } context{&kinds_, &kind};
    const auto note = [](ext2_filsys, blk64_t* block, e2_blkcnt_t, blk64_t, int, void* data) {
      auto* into = static_cast<Context*>(data);
      into->kinds->emplace(*block, *into->kind);
      return 0;
    };
    ext2fs_block_iterate3(reader_.raw(), number, BLOCK_FLAG_READ_ONLY, nullptr, note, &context);
    if (const blk64_t attributes = ext2fs_file_acl_block(reader_.raw(), &inode); attributes != 0)
      kinds_.emplace(attributes, "attributes");
  }

  const Ext4Reader& reader_;
  std::map<std::uint64_t, std::string> kinds_;
};

struct Differences {
  std::size_t snapshot_blocks = 0;               // in all of the disk
  std::map<std::string, std::size_t> by_kind;    // 4 KiB blocks of the root file system
  std::map<std::string, std::size_t> explained;  // snapshot blocks by all kinds in them, "content + object directory"
  std::size_t without_content = 0;               // snapshot blocks in which no content differs
};

inline Differences differences(const fs::path& before, const fs::path& after, std::uint64_t root_offset) {
  const Ext4Reader reader(after, root_offset);
  const Ext4Reader old_reader(before, root_offset);
  const BlockKinds kinds(reader);
  const BlockKinds old_kinds(old_reader);
  std::ifstream a(before.string(), std::ios::binary);
  std::ifstream b(after.string(), std::ios::binary);
  std::string left(snapshot_block, '\0');
  std::string right(snapshot_block, '\0');
  Differences result;
  for (std::uint64_t offset = 0; a.read(left.data(), snapshot_block) && b.read(right.data(), snapshot_block);
       offset += snapshot_block) {
    if (left == right) continue;
    ++result.snapshot_blocks;
    std::map<std::string, std::size_t> here;
    for (std::uint64_t at = 0; at < snapshot_block; at += small_block) {
      if (std::memcmp(left.data() + at, right.data() + at, small_block) == 0) continue;
      std::string kind = "outside the root file system";
      if (offset >= root_offset) {
        const std::uint64_t block = (offset + at - root_offset) / small_block;
        kind = kinds.at(block);
        if (kind == "free") kind = old_kinds.at(block);  // what is gone
      }
      ++here[kind];
    }
    std::string text;
    for (const auto& [kind, count] : here) {
      result.by_kind[kind] += count;
      text += (text.empty() ? "" : " + ") + kind;
    }
    ++result.explained[text];
    if (!here.contains("content")) ++result.without_content;
  }
  return result;
}

}  // namespace compose::tests
