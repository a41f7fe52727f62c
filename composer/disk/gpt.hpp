#pragma once
// The partition table: where the four partitions are, and writing it (libfdisk) into the image file.

#include <cstdint>
#include <vector>

#include "disk/identity.hpp"
#include "support/path.hpp"

namespace compose::disk {

constexpr std::uint64_t sector_bytes = 512;

struct Partition {
  std::uint64_t offset_bytes = 0;
  std::uint64_t size_bytes = 0;
  bool operator==(const Partition&) const = default;
};

constexpr Partition bios_place{1U << 20U, 1U << 20U};  // on every disk
constexpr Partition esp_place{2U << 20U, 64U << 20U};

struct Geometry {
  std::uint64_t disk_bytes = 0;
  Partition bios;  // GRUB's core image
  Partition esp;
  Partition boot;
  Partition root;  // last, so that it can grow
};

// Everything on whole MiB; the last MiB of the disk is left to the table's backup. Throws Error(input) when the disk is
// too small for a root partition of `root_minimum_bytes`.
Geometry make_geometry(std::uint64_t disk_bytes, std::uint64_t boot_bytes, std::uint64_t root_minimum_bytes);

// The smallest number of whole GiB that make_geometry() accepts.
std::uint64_t smallest_disk(std::uint64_t boot_bytes, std::uint64_t root_minimum_bytes);

// Writes protective MBR, table and backup into the file, which must already have its full size.
void write_gpt(const fs::path& image, const Geometry& geometry, const Identity& identity);

// The partitions of any image, in the order of the disk. Throws Error(input) when there is no valid GPT.
std::vector<Partition> read_partitions(const fs::path& image);

}  // namespace compose::disk
