#include "disk/ext4_inode.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <ext2fs/ext3_extents.h>

#include <fmt/format.h>

#include "disk/ext2_error.hpp"

namespace compose::disk {
namespace {

void check(errcode_t result, const char* doing, std::uint32_t inode) {
  if (result != 0) check_ext2(result, doing, fmt::format("ext4 inode {}", inode));
}

std::uint8_t directory_type(const Node& node) {
  if (node.is_directory()) return EXT2_FT_DIR;
  return node.is_symlink() ? EXT2_FT_SYMLINK : EXT2_FT_REG_FILE;
}

bool is_fast_symlink(const Node& node) { return node.is_symlink() && node.runs.empty(); }

ext3_extent encode(const Extent& extent) {
  ext3_extent encoded{};
  encoded.ee_block = static_cast<std::uint32_t>(extent.logical);
  encoded.ee_len = static_cast<std::uint16_t>(extent.count);
  encoded.ee_start = static_cast<std::uint32_t>(extent.physical);
  encoded.ee_start_hi = static_cast<std::uint16_t>(extent.physical >> 32U);
  return encoded;
}

ext3_extent_header header(std::size_t entries, std::size_t most, std::uint16_t depth) {
  ext3_extent_header result{};
  result.eh_magic = EXT3_EXT_MAGIC;
  result.eh_entries = static_cast<std::uint16_t>(entries);
  result.eh_max = static_cast<std::uint16_t>(most);
  result.eh_depth = depth;
  return result;
}

// `position` entries of 12 bytes after the header.
template <typename Entry>
void put_entry(char* area, std::size_t position, const Entry& entry) {
  static_assert(sizeof(Entry) == sizeof(ext3_extent_header));
  std::memcpy(area + (position + 1) * sizeof(Entry), &entry, sizeof(Entry));
}

void put_header(char* area, const ext3_extent_header& value) { std::memcpy(area, &value, sizeof(value)); }

}  // namespace

void InodeWriter::write(NodeId id) {
  const Node& node = model_.nodes[id];
  const Placement& placement = layout_.placements[id];
  Inode inode{};
  fill(inode, id);
  write_extent_blocks(id, inode);
  // The first four words are the same in both structures; libext2fs takes the short one and the full length.
  void* raw = inode.bytes;
  check(ext2fs_write_inode_full(fs_, placement.inode, static_cast<ext2_inode*>(raw), sizeof(inode)), "writing",
        placement.inode);
  mark_used(id);
  if (node.is_directory()) write_directory(id);
  if (placement.xattr_block != 0) {
    std::string block = xattrs_[id].in_block;
    check(ext2fs_write_ext_attr3(fs_, placement.xattr_block, block.data(), placement.inode), "writing attributes",
          placement.inode);
  }
}

std::uint16_t InodeWriter::link_count(const Node& node) const {
  if (!node.is_directory()) return static_cast<std::uint16_t>(node.links);
  const std::uint32_t links = 2 + node.subdirectories;
  return static_cast<std::uint16_t>(links < EXT2_LINK_MAX ? links : 1);  // dir_nlink: 1 is "many"
}

// The generation number stays 0.
void InodeWriter::fill(Inode& inode, NodeId id) const {
  const Node& node = model_.nodes[id];
  auto& fields = inode.fields;
  fields.i_mode = static_cast<std::uint16_t>(node.meta.mode);
  fields.i_uid = static_cast<std::uint16_t>(node.meta.uid);
  fields.osd2.linux2.l_i_uid_high = static_cast<std::uint16_t>(node.meta.uid >> 16U);
  fields.i_gid = static_cast<std::uint16_t>(node.meta.gid);
  fields.osd2.linux2.l_i_gid_high = static_cast<std::uint16_t>(node.meta.gid >> 16U);
  fields.i_links_count = link_count(node);
  fields.i_extra_isize = 32;
  fields.i_atime = fields.i_ctime = fields.i_mtime = fields.i_crtime = node.time;
  fields.i_flags = node.immutable ? EXT2_IMMUTABLE_FL : 0U;
  const std::uint64_t size =
      node.is_directory() ? layout_.directories[id].blocks.size() * block_bytes : node.size_bytes;
  fields.i_size = static_cast<std::uint32_t>(size);
  fields.i_size_high = static_cast<std::uint32_t>(size >> 32U);
  const Placement& placement = layout_.placements[id];
  fields.i_file_acl = static_cast<std::uint32_t>(placement.xattr_block);
  fields.osd2.linux2.l_i_file_acl_high = static_cast<std::uint16_t>(placement.xattr_block >> 32U);
  const std::string& attributes = xattrs_[id].in_inode;
  std::memcpy(inode.bytes + sizeof(inode) - inode_xattr_bytes, attributes.data(), attributes.size());
  if (is_fast_symlink(node)) {
    void* target = fields.i_block;
    std::memcpy(target, node.data.data(), node.data.size());
  } else {
    fields.i_flags |= EXT4_EXTENTS_FL;
  }
  set_extents(inode, id);
}

void InodeWriter::set_extents(Inode& inode, NodeId id) const {
  const Placement& placement = layout_.placements[id];
  std::uint64_t blocks = placement.extent_blocks.size() + (placement.xattr_block != 0 ? 1 : 0);
  for (const auto& extent : placement.extents) blocks += extent.count;
  const std::uint64_t sectors = blocks * (block_bytes / 512);
  inode.fields.i_blocks = static_cast<std::uint32_t>(sectors);
  inode.fields.osd2.linux2.l_i_blocks_hi = static_cast<std::uint16_t>(sectors >> 32U);
  if (is_fast_symlink(model_.nodes[id]) || !placement.extent_blocks.empty()) return;
  std::array<char, sizeof(inode.fields.i_block)> area{};
  put_header(area.data(), header(placement.extents.size(), extents_in_inode, 0));
  for (std::size_t i = 0; i < placement.extents.size(); ++i) put_entry(area.data(), i, encode(placement.extents[i]));
  std::memcpy(inode.fields.i_block, area.data(), area.size());
}

// A tree of one level: the inode names the leaves.
void InodeWriter::write_extent_blocks(NodeId id, Inode& inode) const {
  const Placement& placement = layout_.placements[id];
  if (placement.extent_blocks.empty()) return;
  // The leaf's checksum covers the inode's generation, which libext2fs takes from the given inode.
  void* raw = inode.bytes;
  std::array<char, sizeof(inode.fields.i_block)> root{};
  put_header(root.data(), header(placement.extent_blocks.size(), extents_in_inode, 1));
  for (std::size_t leaf = 0; leaf < placement.extent_blocks.size(); ++leaf) {
    const std::size_t first = leaf * extents_in_block;
    const std::size_t count = std::min(extents_in_block, placement.extents.size() - first);
    std::string block(block_bytes, '\0');
    put_header(block.data(), header(count, extents_in_block, 0));
    for (std::size_t i = 0; i < count; ++i) put_entry(block.data(), i, encode(placement.extents[first + i]));
    void* start = block.data();
    check(ext2fs_write_inode_full(fs_, placement.inode, static_cast<ext2_inode*>(raw), sizeof(inode)), "writing",
          placement.inode);
    check(ext2fs_extent_block_csum_set(fs_, placement.inode, static_cast<ext3_extent_header*>(start)), "extents",
          placement.inode);
    check(io_channel_write_blk64(fs_->io, placement.extent_blocks[leaf], 1, block.data()), "extents", placement.inode);
    ext3_extent_idx index{};
    index.ei_block = static_cast<std::uint32_t>(placement.extents[first].logical);
    index.ei_leaf = static_cast<std::uint32_t>(placement.extent_blocks[leaf]);
    index.ei_leaf_hi = static_cast<std::uint16_t>(placement.extent_blocks[leaf] >> 32U);
    put_entry(root.data(), leaf, index);
  }
  std::memcpy(inode.fields.i_block, root.data(), root.size());
}

void InodeWriter::mark_used(NodeId id) const {
  const Placement& placement = layout_.placements[id];
  const bool directory = model_.nodes[id].is_directory();
  if (placement.inode >= EXT2_FIRST_INODE(fs_->super)) {
    ext2fs_inode_alloc_stats2(fs_, placement.inode, +1, directory ? 1 : 0);
  }
  for (const auto& extent : placement.extents) {
    ext2fs_block_alloc_stats_range(fs_, extent.physical, static_cast<blk_t>(extent.count), +1);
  }
  for (const std::uint64_t block : placement.extent_blocks) ext2fs_block_alloc_stats2(fs_, block, +1);
  if (placement.xattr_block != 0) ext2fs_block_alloc_stats2(fs_, placement.xattr_block, +1);
}

void InodeWriter::write_directory(NodeId id) const {
  const Node& node = model_.nodes[id];
  const Placement& placement = layout_.placements[id];
  const auto& plan = layout_.directories[id];
  std::vector<DirectoryRecord> records;
  std::size_t logical = 0;
  for (const auto& extent : placement.extents) {
    for (std::uint64_t i = 0; i < extent.count; ++i, ++logical) {
      records.clear();
      if (logical == 0) {
        records.push_back({".", placement.inode, EXT2_FT_DIR});
        records.push_back({"..", layout_.placements[node.parent].inode, EXT2_FT_DIR});
      }
      for (std::size_t entry = plan.blocks[logical].first; entry < plan.blocks[logical].last; ++entry) {
        const NodeId child = node.entries[entry].node;
        const bool live = child != no_node && model_.nodes[child].present;
        records.push_back({node.entries[entry].name, live ? layout_.placements[child].inode : 0,
                           live ? directory_type(model_.nodes[child]) : std::uint8_t{0}});
      }
      std::string block = encode_directory_block(records);
      ext2fs_initialize_dirent_tail(fs_, EXT2_DIRENT_TAIL(block.data(), fs_->blocksize));
      check(ext2fs_write_dir_block4(fs_, extent.physical + i, block.data(), 0, placement.inode), "writing directory",
            placement.inode);
    }
  }
}

}  // namespace compose::disk
