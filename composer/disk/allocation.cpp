#include "disk/allocation.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

extern "C" {  // this header does not say so itself
#include <ext2fs/ext2fs.h>
}

#include <fmt/format.h>

#include "disk/ext2_error.hpp"
#include "disk/gpt.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::disk {
namespace {

using Filesystem = Handle<struct_ext2_filsys, ext2fs_free>;

class Image {
 public:
  explicit Image(const fs::path& path) : path_(path), fd_(open_file(path, O_RDONLY)) {
    const off_t end = ::lseek(fd_.get(), 0, SEEK_END);
    if (end < 0) throw_errno("reading the size of", path.string(), errno);
    allocation_.size_bytes = static_cast<std::uint64_t>(end);
    allocation_.blocks.resize((allocation_.size_bytes + snapshot_block_bytes - 1) / snapshot_block_bytes);
  }

  const fs::path& path() const { return path_; }
  Allocation& allocation() { return allocation_; }

  // Throws Error(input) for what reaches beyond the end.
  void take(std::uint64_t offset, std::uint64_t bytes) {
    if (bytes == 0) return;
    if (offset > allocation_.size_bytes || bytes > allocation_.size_bytes - offset) {
      throw Error(ErrorKind::input,
                  fmt::format("'{}': a partition or file system reaches beyond the image's end", path_.string()));
    }
    const std::uint64_t last = (offset + bytes - 1) / snapshot_block_bytes;
    for (std::uint64_t block = offset / snapshot_block_bytes; block <= last; ++block) allocation_.blocks[block] = true;
  }

  // What is not a hole between the two places.
  void take_data(std::uint64_t begin, std::uint64_t end) {
    while (begin < end) {
      const off_t data = ::lseek(fd_.get(), static_cast<off_t>(begin), SEEK_DATA);
      if (data < 0 && errno != ENXIO) throw_errno("looking for holes in", path_.string(), errno);
      if (data < 0 || static_cast<std::uint64_t>(data) >= end) return;
      const off_t hole = ::lseek(fd_.get(), data, SEEK_HOLE);
      if (hole < 0) throw_errno("looking for holes in", path_.string(), errno);
      begin = std::min(static_cast<std::uint64_t>(hole), end);
      take(static_cast<std::uint64_t>(data), begin - static_cast<std::uint64_t>(data));
    }
  }

  // Zeros beyond the end.
  template <std::size_t Size>
  std::array<unsigned char, Size> read(std::uint64_t offset) const {
    std::array<unsigned char, Size> bytes{};
    if (::pread(fd_.get(), bytes.data(), Size, static_cast<off_t>(offset)) < 0)
      throw_errno("reading", path_.string(), errno);
    return bytes;
  }

 private:
  fs::path path_;
  Fd fd_;
  Allocation allocation_;
};

// A little-endian number of `bytes` bytes.
template <std::size_t Size>
std::uint64_t number_at(const std::array<unsigned char, Size>& data, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) value = value << 8U | data[at + i];
  return value;
}

// https://docs.kernel.org/filesystems/ext4/globals.html#super-block
bool is_ext4(const Image& image, std::uint64_t offset) {
  return number_at(image.read<2>(offset + 1024 + 0x38), 0, 2) == EXT2_SUPER_MAGIC;
}

Filesystem open_ext4(const Image& image, std::uint64_t offset) {
  ext2_filsys raw = nullptr;
  const auto check = [&](errcode_t result, const char* doing) { check_ext2(result, doing, image.path().string()); };
  check(ext2fs_open2(image.path().c_str(), fmt::format("offset={}", offset).c_str(), EXT2_FLAG_64BITS, 0, 0,
                     unix_io_manager, &raw),
        "reading the ext4 file system of");
  Filesystem filesystem(raw);
  check(ext2fs_read_block_bitmap(raw), "reading the block bitmap of");
  return filesystem;
}

void take_ext4(Image& image, const Partition& partition) {
  const Filesystem filesystem = open_ext4(image, partition.offset_bytes);
  const ext2fs_block_bitmap bitmap = filesystem->block_map;
  const std::uint64_t size = filesystem->blocksize;
  const blk64_t last = ext2fs_blocks_count(filesystem->super) - 1;
  image.take(partition.offset_bytes, 1024);  // the boot block, which small-blocked file systems do not count
  for (blk64_t at = filesystem->super->s_first_data_block; at <= last;) {
    blk64_t first = 0;
    if (ext2fs_find_first_set_block_bitmap2(bitmap, at, last, &first) != 0) break;
    if (ext2fs_find_first_zero_block_bitmap2(bitmap, first, last, &at) != 0) at = last + 1;
    image.take(partition.offset_bytes + first * size, (at - first) * size);
  }
}

// FAT: General Overview of On-Disk Format, version 1.03: the BIOS parameter block, and the limits of FAT16 and FAT32.
struct Fat {
  std::uint64_t cluster_bytes = 0;
  std::uint64_t table_offset = 0;  // in the partition
  std::uint64_t data_offset = 0;   // of cluster 2
  std::uint64_t clusters = 0;
  std::size_t entry_bytes = 0;
};

std::optional<Fat> fat_of(const Image& image, std::uint64_t offset) {
  const auto boot = image.read<512>(offset);
  const std::uint64_t sector = number_at(boot, 11, 2);
  const std::uint64_t cluster_sectors = boot[13];
  const std::uint64_t table_sectors = number_at(boot, 22, 2) != 0 ? number_at(boot, 22, 2) : number_at(boot, 36, 4);
  const std::uint64_t sectors = number_at(boot, 19, 2) != 0 ? number_at(boot, 19, 2) : number_at(boot, 32, 4);
  const bool valid = boot[510] == 0x55 && boot[511] == 0xAA && sector >= 512 && sector <= 4096 &&
                     (sector & (sector - 1)) == 0 && cluster_sectors != 0 && table_sectors != 0 && boot[16] != 0;
  if (!valid) return std::nullopt;
  const std::uint64_t root_sectors = (number_at(boot, 17, 2) * 32 + sector - 1) / sector;
  const std::uint64_t reserved = number_at(boot, 14, 2);
  const std::uint64_t before_data = reserved + boot[16] * table_sectors + root_sectors;
  if (sectors <= before_data) return std::nullopt;
  const std::uint64_t clusters = (sectors - before_data) / cluster_sectors;
  const bool fat32 = number_at(boot, 22, 2) == 0;
  if (clusters < 4085 || clusters > 0x0FFFFFF4) return std::nullopt;  // FAT12, or none at all
  return Fat{cluster_sectors * sector, reserved * sector, before_data * sector, clusters, fat32 ? 4U : 2U};
}

void take_fat(Image& image, const Partition& partition, const Fat& fat) {
  image.take(partition.offset_bytes, fat.data_offset);
  for (std::uint64_t cluster = 0; cluster < fat.clusters; ++cluster) {
    const std::uint64_t entry = partition.offset_bytes + fat.table_offset + (cluster + 2) * fat.entry_bytes;
    const std::uint64_t next = number_at(image.read<4>(entry), 0, fat.entry_bytes) & 0x0FFFFFFFU;
    if (next != 0) {
      image.take(partition.offset_bytes + fat.data_offset + cluster * fat.cluster_bytes, fat.cluster_bytes);
    }
  }
}

void take_partition(Image& image, std::size_t number, const Partition& partition) {
  if (is_ext4(image, partition.offset_bytes)) return take_ext4(image, partition);
  if (const auto fat = fat_of(image, partition.offset_bytes)) return take_fat(image, partition, *fat);
  image.take(partition.offset_bytes, partition.size_bytes);
  if (partition.size_bytes > snapshot_block_bytes * 2) {
    image.allocation().taken_whole.push_back(fmt::format("{} (neither ext4 nor FAT)", number));
  }
}

}  // namespace

Allocation read_allocation(const fs::path& path) {
  Image image(path);
  std::uint64_t end_of_last = 0;
  std::size_t number = 0;
  for (const Partition& partition : read_partitions(path)) {
    image.take_data(end_of_last, partition.offset_bytes);
    take_partition(image, ++number, partition);
    end_of_last = std::max(end_of_last, partition.offset_bytes + partition.size_bytes);
  }
  image.take_data(end_of_last, image.allocation().size_bytes);
  return std::move(image.allocation());
}

}  // namespace compose::disk
