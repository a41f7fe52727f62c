#pragma once
// What of the deployed commit decides how it boots: its kernel, its name, the bootloader that it carries.

#include <optional>
#include <string>

#include "support/content.hpp"

namespace compose::disk {

// A regular file or symbolic link of the tree below `root`, by path ("usr/lib/os-release"); links are not followed.
const FileObject* find_file(const ChainContent& chain, const Subdirectory& root, const std::string& path);
// A directory likewise.
const Subdirectory* find_directory(const ChainContent& chain, const Subdirectory& root, const std::string& path);

struct Kernel {
  std::string version;  // the name of its directory below usr/lib/modules
  const FileObject* vmlinuz = nullptr;
  const FileObject* initramfs = nullptr;
  const FileObject* hmac = nullptr;  // may be missing
  std::string bootcsum;              // SHA-256 of kernel and initramfs, in hexadecimal: libostree's name for this pair
};

// Throws Error(input) when there is not exactly one kernel with an initramfs.
Kernel find_kernel(const ChainContent& chain);

// "PRETTY_NAME version (ostree:0)", as libostree titles a boot entry.
std::string boot_title(const ChainContent& chain);

}  // namespace compose::disk
