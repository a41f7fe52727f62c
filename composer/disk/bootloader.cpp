#include "disk/bootloader.hpp"

#include <array>
#include <cstring>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "disk/disk.hpp"
#include "disk/scratch.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::disk {
namespace {

constexpr const char* payload = "usr/lib/bootupd/updates/EFI";
constexpr const char* static_configuration = "usr/lib/bootupd/grub2-static";
constexpr const char* commit_bios_grub = "usr/lib/grub/i386-pc";

constexpr std::array bios_folders{"/usr/lib/grub/i386-pc"};
constexpr std::array efi_folders{"/usr/lib/grub/x86_64-efi"};

// Everything that a core image needs to find /boot and show its menu; nothing is loaded from /boot.
const std::vector<std::string> common_modules{
    "part_gpt", "ext2",  "search", "search_fs_uuid", "configfile", "normal", "linux", "echo",      "test", "serial",
    "terminal", "sleep", "reboot", "halt",           "minicmd",    "ls",     "cat",   "all_video", "gzio"};

template <std::size_t N>
fs::path first_folder(const std::array<const char*, N>& folders, const char* what) {
  for (const char* folder : folders) {
    if (fs::exists(fs::path(folder) / "kernel.img")) return folder;
  }
  throw Error(
      ErrorKind::failed, fmt::format("GRUB for {} is not installed", what),
      "run ci/setup (Debian: grub-pc-bin and grub-efi-amd64-bin; Fedora: grub2-pc-modules and grub2-efi-x64-modules)");
}

std::string mkimage_program() {
  for (const char* name : {"grub-mkimage", "grub2-mkimage"}) {
    for (const char* folder : {"/usr/bin/", "/usr/sbin/"}) {
      if (fs::exists(std::string(folder) + name)) return std::string(folder) + name;
    }
  }
  throw Error(ErrorKind::failed, "grub-mkimage is not installed",
              "run ci/setup (Debian: grub-common; Fedora: grub2-tools)");
}

// What the core image runs first. The prefix is where it would look for modules, and where grub.cfg is.
std::string early_configuration(const Identity& identity, const std::string& folder) {
  return fmt::format("search --no-floppy --fs-uuid --set=root {}\nset prefix=($root)/{}\nconfigfile $prefix/grub.cfg\n",
                     to_string(identity.boot_filesystem), folder);
}

struct ImageRequest {
  std::string format;  // i386-pc, x86_64-efi
  fs::path modules_folder;
  std::vector<std::string> modules;
  std::string folder;  // of grub.cfg in /boot
};

std::string make_image(const ImageRequest& request, const Identity& identity, const fs::path& scratch) {
  const fs::path early = scratch / (request.format + ".cfg");
  const fs::path image = scratch / (request.format + ".img");
  write_file(early, early_configuration(identity, request.folder));
  std::vector<std::string> command{mkimage_program(),
                                   "--format=" + request.format,
                                   "--directory=" + request.modules_folder.string(),
                                   "--prefix=/" + request.folder,
                                   "--config=" + early.string(),
                                   "--output=" + image.string()};
  command.insert(command.end(), request.modules.begin(), request.modules.end());
  run_checked(command, {{{"LC_ALL", "C"}}, std::nullopt, std::nullopt});
  return read_file(image);
}

std::vector<std::string> with(std::vector<std::string> modules, std::initializer_list<const char*> more) {
  modules.insert(modules.end(), more.begin(), more.end());
  return modules;
}

void add_bios(Bootloader& bootloader, const ImageRequest& request, const Identity& identity, const fs::path& scratch) {
  const std::uint64_t sector = bios_place.offset_bytes / sector_bytes;
  bootloader.boot_code = patch_boot_code(read_file(request.modules_folder / "boot.img"), sector);
  bootloader.core_image = patch_core_image(make_image(request, identity, scratch), sector);
  if (bootloader.core_image.size() > bios_place.size_bytes) {
    throw Error(ErrorKind::failed,
                fmt::format("GRUB's core image of {} bytes does not fit into the BIOS boot partition",
                            bootloader.core_image.size()));
  }
}

// OSTree keeps syslinux.cfg up to date; GRUB reads it on every boot.
constexpr const char* host_grub_configuration =
    R"(# Written once by atomic-compose; the entries are OSTree's, in ../loader/syslinux.cfg.
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=1
set default=0
syslinux_configfile ($root)/syslinux/syslinux.cfg
)";

Bootloader from_host(const Identity& identity, const fs::path& scratch) {
  Bootloader bootloader;
  bootloader.menu = BootMenu::syslinux;
  const fs::path bios = first_folder(bios_folders, "BIOS");
  const fs::path efi = first_folder(efi_folders, "UEFI");
  // linux16 and initrd16 are the commands that syslinuxcfg writes for a BIOS.
  add_bios(bootloader, {"i386-pc", bios, with(common_modules, {"biosdisk", "linux16", "syslinuxcfg"}), "grub"},
           identity, scratch);
  const ImageRequest request{"x86_64-efi", efi, with(common_modules, {"efi_gop", "efi_uga", "syslinuxcfg"}), "grub"};
  bootloader.esp.push_back({"EFI/BOOT/BOOTX64.EFI", nullptr, make_image(request, identity, scratch)});
  bootloader.boot.push_back({"grub/grub.cfg", nullptr, host_grub_configuration, {}});
  bootloader.boot.push_back({"syslinux/syslinux.cfg", nullptr, {}, "../loader/syslinux.cfg"});
  return bootloader;
}

std::string text_of(const ChainContent& chain, const FileObject* file) {
  return file == nullptr ? std::string() : read_file(chain.path_of(*file), 1U << 20U);
}

void add_payload(std::vector<EspFile>& files, const ChainContent& chain, const Subdirectory& directory,
                 const std::string& path) {
  const DirectoryTree& tree = chain.trees[directory.tree];
  for (const auto& [name, file] : tree.files) {
    if (chain.files[file].symlink_target.empty()) files.push_back({path + "/" + name, &chain.files[file], {}});
  }
  for (const auto& [name, child] : tree.directories) add_payload(files, chain, child, path + "/" + name);
}

// bootupd puts the static parts together in this way (its src/grubconfigs.rs).
std::string static_grub_configuration(const ChainContent& chain, const Subdirectory& folder) {
  std::string text = text_of(chain, find_file(chain, folder, "grub-static-pre.cfg"));
  if (const Subdirectory* parts = find_directory(chain, folder, "configs.d"); parts != nullptr) {
    for (const auto& [name, file] : chain.trees[parts->tree].files) {
      text += fmt::format("\n### BEGIN {0} ###\n{1}\n### END {0} ###\n", name, text_of(chain, &chain.files[file]));
    }
  }
  return text + text_of(chain, find_file(chain, folder, "grub-static-post.cfg"));
}

std::string empty_grub_environment() {
  std::string text = "# GRUB Environment Block\n";
  return text + std::string(1024 - text.size(), '#');
}

// The modules of the commit's own GRUB, which knows blscfg, as files for grub-mkimage.
void extract_folder(const ChainContent& chain, const Subdirectory& folder, const fs::path& target) {
  fs::create_directories(target);
  for (const auto& [name, file] : chain.trees[folder.tree].files) {
    if (chain.files[file].symlink_target.empty()) fs::copy_file(chain.path_of(chain.files[file]), target / name);
  }
}

void add_vendor_configuration(Bootloader& bootloader, const ChainContent& chain, const Subdirectory& folder,
                              const Subdirectory& efi, const std::string& boot_uuid) {
  const std::string configuration = text_of(chain, find_file(chain, folder, "grub-static-efi.cfg"));
  for (const auto& [vendor, place] : chain.trees[efi.tree].directories) {
    if (vendor == "BOOT") continue;
    bootloader.esp.push_back({"EFI/" + vendor + "/grub.cfg", nullptr, configuration});
    bootloader.esp.push_back({"EFI/" + vendor + "/bootuuid.cfg", nullptr, boot_uuid});
  }
}

Bootloader from_commit(const ChainContent& chain, const Identity& identity, const fs::path& scratch) {
  Bootloader bootloader;
  bootloader.menu = BootMenu::bls;
  const Subdirectory& root = chain.commits.back().root;
  const Subdirectory& efi = *find_directory(chain, root, payload);
  const Subdirectory& folder = *find_directory(chain, root, static_configuration);
  const std::string boot_uuid = fmt::format("set BOOT_UUID=\"{}\"\n", to_string(identity.boot_filesystem));
  add_payload(bootloader.esp, chain, efi, "EFI");
  add_vendor_configuration(bootloader, chain, folder, efi, boot_uuid);
  bootloader.boot.push_back({"grub2/grub.cfg", nullptr, static_grub_configuration(chain, folder), {}});
  bootloader.boot.push_back({"grub2/bootuuid.cfg", nullptr, boot_uuid, {}});
  bootloader.boot.push_back({"grub2/grubenv", nullptr, empty_grub_environment(), {}});
  if (const Subdirectory* bios = find_directory(chain, root, commit_bios_grub); bios != nullptr) {
    const fs::path modules = scratch / "i386-pc";
    extract_folder(chain, *bios, modules);
    add_bios(bootloader,
             {"i386-pc", modules, with(common_modules, {"biosdisk", "blscfg", "loadenv", "regexp"}), "grub2"}, identity,
             scratch);
  }
  return bootloader;
}

template <typename Value>
void put(std::string& image, std::size_t offset, Value value) {
  std::memcpy(image.data() + offset, &value, sizeof(value));  // x86 is little-endian, as are these fields
}

}  // namespace

bool carries_bootloader(const ChainContent& chain) {
  const Subdirectory& root = chain.commits.back().root;
  return find_directory(chain, root, payload) != nullptr &&
         find_directory(chain, root, static_configuration) != nullptr;
}

Bootloader make_bootloader(const ChainContent& chain, const Identity& identity, const fs::path& scratch) {
  return carries_bootloader(chain) ? from_commit(chain, identity, scratch) : from_host(identity, scratch);
}

std::string patch_boot_code(std::string boot_image, std::uint64_t core_sector) {
  constexpr std::size_t boot_code_bytes = 440;
  constexpr std::size_t kernel_sector_at = 0x5c;
  constexpr std::size_t boot_drive_at = 0x64;
  constexpr std::size_t drive_check_at = 0x66;
  if (boot_image.size() != sector_bytes) throw Error(ErrorKind::failed, "GRUB's boot.img does not have 512 bytes");
  put(boot_image, kernel_sector_at, core_sector);
  put(boot_image, boot_drive_at, std::uint8_t{0xff});      // the drive that the BIOS booted from
  put(boot_image, drive_check_at, std::uint16_t{0x9090});  // no work-around for broken BIOSes, as for fixed disks
  boot_image.resize(boot_code_bytes);
  return boot_image;
}

std::string patch_core_image(std::string core_image, std::uint64_t core_sector) {
  constexpr std::size_t block_list_at = 0x1f4;  // the last entry of the list in the first sector
  if (core_image.size() < 2 * sector_bytes) throw Error(ErrorKind::failed, "GRUB's core image is too short");
  put(core_image, block_list_at, core_sector + 1);
  const auto sectors = (core_image.size() + sector_bytes - 1) / sector_bytes - 1;
  put(core_image, block_list_at + 8, static_cast<std::uint16_t>(sectors));
  return core_image;
}

std::string host_bootloader_identity() {
  std::string text;
  for (const char* file :
       {"/usr/lib/grub/i386-pc/boot.img", "/usr/lib/grub/i386-pc/kernel.img", "/usr/lib/grub/i386-pc/modinfo.sh",
        "/usr/lib/grub/x86_64-efi/kernel.img", "/usr/lib/grub/x86_64-efi/modinfo.sh"}) {
    if (fs::exists(file)) text += fmt::format("{} {}\n", file, sha256_of_file(file));
  }
  return sha256_hex(text);
}

}  // namespace compose::disk
