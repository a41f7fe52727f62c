#include "disk/allocation.hpp"

#include <algorithm>
#include <cstdlib>

#include <unistd.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "disk/gpt.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/scratch_disk.hpp"

namespace compose::disk {
namespace {

constexpr std::uint64_t mib = 1U << 20U;

std::uint64_t blocks_of(const Allocation& allocation, const Partition& partition) {
  const auto first = static_cast<std::ptrdiff_t>(partition.offset_bytes / snapshot_block_bytes);
  const auto count = static_cast<std::ptrdiff_t>(partition.size_bytes / snapshot_block_bytes);
  return static_cast<std::uint64_t>(
      std::count(allocation.blocks.begin() + first, allocation.blocks.begin() + first + count, true));
}

TEST_CASE("of ext4 and FAT what they have allocated counts, whether it is zeros or not") {
  const tests::ScratchDisk disk(512 * mib);
  disk.format(disk.geometry.esp, "vfat", {"-F", "32", "-s", "1"});
  disk.format(disk.geometry.boot, "ext4", {"-q", "-b", "1024", "-O", "^has_journal"});
  disk.format(disk.geometry.root, "ext4", {"-q", "-b", "4096"});
  const Allocation allocation = read_allocation(disk.image);
  CHECK(allocation.size_bytes == 512 * mib);
  CHECK(allocation.blocks.size() == 1024);
  CHECK(allocation.taken_whole.empty());
  CHECK(allocation.blocks.front());                       // the table
  CHECK(allocation.blocks.back());                        // and its backup
  CHECK(blocks_of(allocation, disk.geometry.bios) == 2);  // no file system: all
  CHECK(blocks_of(allocation, disk.geometry.esp) == 3);   // two tables of 64 MiB / 512 * 4 bytes, root's cluster
  const auto root = blocks_of(allocation, disk.geometry.root);
  CHECK(root >= 8);    // an empty journal of 4 MiB: allocated zeros
  CHECK(root <= 120);  // of 698
  CHECK(blocks_of(allocation, disk.geometry.boot) <= 40);
}

TEST_CASE("an ext4 file system's blocks are exactly those that e2fsprogs calls used") {
  const tests::ScratchDisk disk(512 * mib);
  disk.format(disk.geometry.root, "ext4", {"-q", "-b", "4096"});
  const Allocation allocation = read_allocation(disk.image);
  const std::string dump = run_checked({"dumpe2fs", disk.part.string()}, tests::with_sbin);
  std::vector<bool> expected(disk.geometry.root.size_bytes / snapshot_block_bytes, true);
  const std::uint64_t per_block = snapshot_block_bytes / 4096;
  std::vector<std::uint64_t> free_in(expected.size(), 0);
  for (std::size_t at = dump.find("  Free blocks: "); at != std::string::npos; at = dump.find("  Free blocks: ", at)) {
    at += 15;
    while (std::isdigit(static_cast<unsigned char>(dump[at])) != 0) {
      char* end = nullptr;
      const std::uint64_t first = std::strtoull(&dump[at], &end, 10);
      const std::uint64_t last = *end == '-' ? std::strtoull(end + 1, &end, 10) : first;
      for (std::uint64_t block = first; block <= last; ++block) ++free_in[block / per_block];
      at = static_cast<std::size_t>(end - dump.data());
      if (dump.compare(at, 2, ", ") == 0) at += 2;
    }
  }
  const std::size_t offset = disk.geometry.root.offset_bytes / snapshot_block_bytes;
  for (std::size_t block = 0; block < expected.size(); ++block) {
    INFO("snapshot block " << block << " of the partition");
    CHECK(allocation.blocks[offset + block] == (free_in[block] != per_block));
  }
}

TEST_CASE("a partition of which nothing is known counts whole, what is outside of all only where it is written") {
  const tests::ScratchDisk disk(512 * mib);
  disk.write(disk.geometry.root.offset_bytes + disk.geometry.root.size_bytes + 4096, "something");
  const Allocation allocation = read_allocation(disk.image);
  CHECK(blocks_of(allocation, disk.geometry.root) == disk.geometry.root.size_bytes / snapshot_block_bytes);
  CHECK(allocation.taken_whole.size() == 3);
  CHECK(allocation.taken_whole.back() == "4 (neither ext4 nor FAT)");
  CHECK(allocation.blocks[1022]);
  CHECK_FALSE(allocation.blocks[1]);
}

TEST_CASE("what is not a disk image is an input error") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  const fs::path file = folder.path() / "file";
  write_file_atomically(file, std::string(2 * mib, 'x'));
  CHECK_THROWS_WITH(read_allocation(file), Catch::Contains("no partition table"));
  CHECK_THROWS_AS(read_allocation(folder.path() / "missing"), Error);
}

TEST_CASE("a file system that claims more than its disk has is an input error") {
  const tests::ScratchDisk disk(512 * mib);
  disk.format(disk.geometry.root, "ext4", {"-q"});
  fs::resize_file(disk.image, disk.geometry.root.offset_bytes + 16 * mib);
  CHECK_THROWS_AS(read_allocation(disk.image), Error);
}

}  // namespace
}  // namespace compose::disk
