#pragma once
// The EFI system partition: FAT32, written in place with dosfstools and mtools.

#include <vector>

#include "disk/bootloader.hpp"

namespace compose::disk {

// `image` is the disk; `scratch` a directory for temporary files. Same bytes every time.
void write_esp(const fs::path& image, const Partition& place, std::uint32_t volume_id,
               const std::vector<EspFile>& files, const ChainContent& chain, const fs::path& scratch);

}  // namespace compose::disk
