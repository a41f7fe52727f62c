#pragma once
// The EFI system partition: FAT32, written with dosfstools and mtools.

#include <vector>

#include "disk/bootloader.hpp"

namespace compose::disk {

// Makes the partition's content as a file of `size_bytes` in `scratch`, a directory for temporary files, and returns
// its path. Same bytes every time. (Not in the image itself: mkfs.vfat waits until all of a file is on the disk.)
fs::path make_esp(std::uint64_t size_bytes, std::uint64_t first_sector, std::uint32_t volume_id,
                  const std::vector<EspFile>& files, const ChainContent& chain, const fs::path& scratch);

}  // namespace compose::disk
