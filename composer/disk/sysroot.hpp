#pragma once
// The content of the two ext4 file systems, as libostree would lay it out: the physical root with repository and first
// deployment (`ostree admin init-fs --modern`, `os-init`, `pull-local`, `deploy`), and /boot with its menu entry.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "disk/disk.hpp"
#include "disk/identity.hpp"
#include "disk/kernel.hpp"
#include "disk/model.hpp"

namespace compose::disk {

// Who keeps the boot menu: libostree's "syslinux" backend (GRUB reads it with syslinuxcfg), or entries in
// Boot Loader Specification files alone, which a GRUB with blscfg reads.
enum class BootMenu { syslinux, bls };

// A file of the bootloader in /boot: from an object, or `data`; a symbolic link when `link` is set.
struct BootFile {
  std::string path;  // relative to /boot
  const FileObject* object = nullptr;
  std::string data;
  std::string link;
};

struct SystemSpec {
  const DiskSpec& disk;
  const ChainContent& chain;
  const Identity& identity;
  const Kernel& kernel;
  const std::vector<std::vector<BlockRun>>& runs;  // of the chain's files
  BootMenu menu = BootMenu::syslinux;
};

// The root file system. Beside what libostree makes there is one file more: /etc/fstab, so that /boot gets mounted,
// unless the commit has one with an entry in it.
Model make_root_model(const SystemSpec& system);

// The /boot file system.
Model make_boot_model(const SystemSpec& system, const std::vector<BootFile>& bootloader);

// All kernel arguments of the entry, "ostree=" last.
std::string kernel_arguments(const SystemSpec& system);

// Meta data of a file that no commit carries: owned by root, labelled for `path` in the running system.
FileMeta generated_meta(const DiskSpec& spec, const std::string& path, std::uint32_t mode);

}  // namespace compose::disk
