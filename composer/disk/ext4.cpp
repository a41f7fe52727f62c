#include "disk/ext4.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include <fmt/format.h>

#include "disk/ext2_error.hpp"
#include "disk/ext4_inode.hpp"
#include "support/error.hpp"
#include "support/handle.hpp"

namespace compose::disk {
namespace {

constexpr std::uint32_t inode_ratio_bytes = 16384;
constexpr std::uint16_t reserved_gdt_blocks = 127;  // with the first one: 128 * 64 groups of 128 MiB = 1 TiB
constexpr std::uint64_t blocks_per_group = 32768;
constexpr std::uint32_t lost_and_found_inode = 11;
// libext2fs takes 0 for "ask the clock".
constexpr time_t filesystem_time = 1;

void check(errcode_t result, const char* doing) { check_ext2(result, doing, "ext4 file system"); }

// Without close: what was not closed by close() is not worth flushing.
using FileSystem = Handle<struct_ext2_filsys, ext2fs_free>;

ext2_super_block parameters(const Ext4Options& options) {
  ext2_super_block super{};
  const std::uint64_t blocks = options.size_bytes / block_bytes;
  ext2fs_blocks_count_set(&super, blocks);
  super.s_rev_level = EXT2_DYNAMIC_REV;
  super.s_log_block_size = 2;
  super.s_log_cluster_size = 2;
  super.s_inode_size = 256;
  super.s_desc_size = EXT2_MIN_DESC_SIZE_64BIT;
  super.s_inodes_count = static_cast<std::uint32_t>(options.size_bytes / inode_ratio_bytes);
  super.s_log_groups_per_flex = 4;
  super.s_reserved_gdt_blocks = reserved_gdt_blocks;
  super.s_feature_compat = EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_RESIZE_INODE |
                           EXT2_FEATURE_COMPAT_DIR_INDEX | EXT2_FEATURE_COMPAT_EXT_ATTR;
  super.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                             EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_64BIT;
  super.s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
                              EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
                              EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
  return super;
}

void set_constants(ext2_filsys fs, const Ext4Options& options) {
  auto& super = *fs->super;
  std::copy(options.uuid.begin(), options.uuid.end(), super.s_uuid);
  std::array<unsigned char, 16> seed = options.hash_seed;
  std::memcpy(super.s_hash_seed, seed.data(), seed.size());
  std::memcpy(super.s_volume_name, options.label.data(), std::min(options.label.size(), sizeof(super.s_volume_name)));
  super.s_def_hash_version = EXT2_HASH_HALF_MD4;
  super.s_flags |= EXT2_FLAGS_SIGNED_HASH;  // what x86 kernels assume; from the build host otherwise
  super.s_checksum_type = EXT2_CRC32C_CHKSUM;
  super.s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
  super.s_max_mnt_count = -1;
  super.s_checkinterval = 0;
  super.s_min_extra_isize = 32;
  super.s_want_extra_isize = 32;
  super.s_creator_os = EXT2_OS_LINUX;
  super.s_errors = EXT2_ERRORS_CONTINUE;
  super.s_mkfs_time = filesystem_time;
  super.s_lastcheck = filesystem_time;
  ext2fs_r_blocks_count_set(&super, 0);
  ext2fs_init_csum_seed(fs);
}

void reserve_inodes(ext2_filsys fs) {
  for (ext2_ino_t inode = 1; inode < EXT2_FIRST_INODE(fs->super); ++inode) {
    ext2fs_inode_alloc_stats2(fs, inode, +1, inode == EXT2_ROOT_INO ? 1 : 0);
  }
  ext2fs_mark_ib_dirty(fs);
}

}  // namespace

struct Ext4::State {
  FileSystem fs;
};

Ext4::Ext4(const Ext4Options& options) : state_(std::make_unique<State>()) {
  ext2_super_block super = parameters(options);
  ext2_filsys raw = nullptr;
  check(ext2fs_initialize(options.image.c_str(), EXT2_FLAG_64BITS | EXT2_FLAG_RW, &super, unix_io_manager, &raw),
        "starting the file system");
  state_->fs.reset(raw);
  check(io_channel_set_options(raw->io, fmt::format("offset={}", options.offset_bytes).c_str()), "setting the offset");
  raw->now = filesystem_time;
  raw->umask = 022;
  set_constants(raw, options);
  check(ext2fs_allocate_tables(raw), "placing the tables");
  // The region is all zeros, inode tables included: the kernel need not clear them.
  for (dgrp_t group = 0; group < raw->group_desc_count; ++group) ext2fs_bg_flags_set(raw, group, EXT2_BG_INODE_ZEROED);
  reserve_inodes(raw);
  check(ext2fs_create_resize_inode(raw), "making the resize inode");
  const blk64_t near_the_start = 0;
  check(ext2fs_add_journal_inode3(
            raw, std::make_unique<ext2fs_journal_params>(ext2fs_journal_params{options.journal_blocks, 0}).get(),
            near_the_start, EXT2_MKJOURNAL_LAZYINIT),
        "making the journal");
  // The backups of superblock and descriptors describe the empty file system, whatever comes into it.
  check(ext2fs_set_gdt_csum(raw), "describing the groups");
  check(ext2fs_flush2(raw, EXT2_FLAG_FLUSH_NO_SYNC), "writing the empty file system");
  raw->flags |= EXT2_FLAG_MASTER_SB_ONLY;
}

Ext4::~Ext4() = default;

std::uint32_t Ext4::inode_count() const { return state_->fs->super->s_inodes_count; }

std::vector<Segment> Ext4::free_segments() const {
  std::vector<Segment> segments;
  const ext2_filsys fs = state_->fs.get();
  const blk64_t last = ext2fs_blocks_count(fs->super) - 1;
  blk64_t next = fs->super->s_first_data_block;
  blk64_t start = 0;
  while (next <= last && ext2fs_find_first_zero_block_bitmap2(fs->block_map, next, last, &start) == 0) {
    blk64_t end = 0;
    if (ext2fs_find_first_set_block_bitmap2(fs->block_map, start, last, &end) != 0) end = last + 1;
    segments.push_back({start, end - start});
    next = end;
  }
  return segments;
}

void Ext4::write(const Model& model, const Layout& layout, const std::vector<EncodedXattrs>& xattrs) {
  const ext2_filsys fs = state_->fs.get();
  if (layout.last_inode > fs->super->s_inodes_count) {
    throw Error(ErrorKind::input,
                fmt::format("the commit needs {} inodes, a disk of this size has {}", layout.last_inode,
                            fs->super->s_inodes_count),
                "give [disk] size a larger value, or \"auto\"");
  }
  InodeWriter writer(fs, model, layout, xattrs);
  for (NodeId id = 0; id < model.nodes.size(); ++id) {
    if (model.nodes[id].present) writer.write(id);
  }
}

void Ext4::close() {
  const ext2_filsys fs = state_->fs.get();
  check(ext2fs_set_gdt_csum(fs), "describing the groups");
  ext2fs_mark_super_dirty(fs);
  ext2fs_mark_bb_dirty(fs);
  ext2fs_mark_ib_dirty(fs);
  check(ext2fs_flush2(fs, EXT2_FLAG_FLUSH_NO_SYNC), "writing the file system's tables");
  state_->fs.reset();
}

std::uint64_t ext4_overhead_blocks(std::uint64_t size_bytes, std::uint32_t journal_blocks) {
  const std::uint64_t groups = size_bytes / block_bytes / blocks_per_group + 1;
  const std::uint64_t per_group = 2 + blocks_per_group * block_bytes / inode_ratio_bytes * 256 / block_bytes + 8;
  const std::uint64_t backups = std::min<std::uint64_t>(groups, 2 + groups / 8);
  return groups * per_group + backups * (2 + reserved_gdt_blocks + groups / 64) + journal_blocks + 16;
}

}  // namespace compose::disk
