#pragma once
// GRUB for BIOS and UEFI: from the commit where it carries one (bootupd's payload, as Fedora's do), else from the build
// host's packages.

#include <string>
#include <utility>
#include <vector>

#include "disk/gpt.hpp"
#include "disk/sysroot.hpp"

namespace compose::disk {

// A file of the ESP, from an object or `data`.
struct EspFile {
  std::string path;
  const FileObject* object = nullptr;
  std::string data;
};

struct Bootloader {
  BootMenu menu = BootMenu::syslinux;
  std::string boot_code;   // the first 440 bytes of the disk
  std::string core_image;  // for the BIOS boot partition; empty when the disk boots by UEFI alone
  std::vector<EspFile> esp;
  std::vector<BootFile> boot;
};

// Whether the commit carries bootupd's payload with EFI binaries and GRUB's static configuration.
bool carries_bootloader(const ChainContent& chain);

// `scratch` is a directory for temporary files. Throws Error(failed) when no GRUB is installed, with a hint.
Bootloader make_bootloader(const ChainContent& chain, const Identity& identity, const fs::path& scratch);

// GRUB's boot.img and core image made ready for their places (the same changes that grub-bios-setup makes):
// `core_sector` is where the BIOS boot partition starts. Throws Error(failed) when these are not GRUB's images.
std::string patch_boot_code(std::string boot_image, std::uint64_t core_sector);
std::string patch_core_image(std::string core_image, std::uint64_t core_sector);

}  // namespace compose::disk
