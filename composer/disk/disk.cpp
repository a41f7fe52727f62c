#include "disk/disk.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <sstream>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "disk/block_writer.hpp"
#include "disk/bootloader.hpp"
#include "disk/copy.hpp"
#include "disk/esp.hpp"
#include "disk/ext4.hpp"
#include "disk/gpt.hpp"
#include "disk/layout.hpp"
#include "disk/scratch.hpp"
#include "disk/sysroot.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::disk {
namespace {

constexpr std::uint64_t mib = 1U << 20U;
constexpr std::uint32_t root_journal_blocks = 16384;  // 64 MiB, whatever the size, so that nothing behind it moves
constexpr std::uint32_t boot_journal_blocks = 4096;
constexpr unsigned copy_threads = 2;

// One of the two ext4 file systems on its way to the disk.
struct FileSystemPlan {
  Model model;
  std::vector<EncodedXattrs> xattrs;
  std::vector<bool> needs_xattr_block;
  std::uint64_t content_blocks = 0;  // in one piece from block 0, with all gaps that keep places
  std::uint32_t inodes = 0;
};

FileSystemPlan plan(Model model) {
  FileSystemPlan result;
  result.model = std::move(model);
  for (const auto& node : result.model.nodes) {
    const std::string name = node.object != nullptr ? node.object->checksum : "a directory";
    result.xattrs.push_back(encode_xattrs(node.meta.xattrs, name));
    result.needs_xattr_block.push_back(!result.xattrs.back().in_block.empty());
  }
  const Layout dry = make_layout(result.model, result.needs_xattr_block, {{0, UINT64_MAX / block_bytes}});
  result.content_blocks = dry.used_blocks;
  result.inodes = dry.last_inode;
  return result;
}

// The size of the region that holds these blocks and inodes with `free_percent` of it free.
std::uint64_t region_bytes(const FileSystemPlan& plan, std::uint32_t journal_blocks, std::uint64_t free_percent) {
  constexpr std::uint64_t bytes_per_inode = 16384;
  std::uint64_t size = 0;
  std::uint64_t needed = plan.content_blocks * block_bytes;
  while (size < needed) {
    size = needed;
    const std::uint64_t used = plan.content_blocks + ext4_overhead_blocks(size, journal_blocks);
    needed = used * block_bytes * 100 / (100 - free_percent);
    needed = std::max(needed, (plan.inodes + 1024) * bytes_per_inode);
  }
  return size;
}

// Room for three kernels: libostree writes the next one before it removes the oldest.
std::uint64_t boot_bytes(const Kernel& kernel) {
  constexpr std::uint64_t step = 128 * mib;
  const std::uint64_t needed = 3 * (kernel.vmlinuz->size_bytes + kernel.initramfs->size_bytes) + 64 * mib;
  return std::max(3 * step, (needed + step - 1) / step * step);
}

void check_spec(const DiskSpec& spec) {
  const auto check_name = [](const std::string& what, const std::string& name, bool slashes) {
    std::istringstream components(name);
    bool valid =
        !name.empty() && name.front() != '/' && name.back() != '/' && (slashes || name.find('/') == std::string::npos);
    for (std::string part; std::getline(components, part, '/');) {
      valid = valid && !part.empty() && part.size() <= 200 && part.front() != '.';
    }
    valid = valid && name.find_first_of(std::string("\n\r\t \0", 5)) == std::string::npos;
    if (!valid) throw Error(ErrorKind::input, fmt::format("'{}' cannot be the {} of a disk", name, what));
  };
  check_name("stateroot", spec.stateroot, false);
  check_name("ref", spec.ref, true);
  if (!spec.remote.empty()) check_name("remote", spec.remote, false);
  for (const auto& karg : spec.kargs) {
    if (karg.find_first_of("\n\r") != std::string::npos) {
      throw Error(ErrorKind::input, fmt::format("the kernel argument '{}' has a line break", karg));
    }
  }
}

// Whether a program that failed there had no room, whatever words it has for that.
bool is_full(const fs::path& folder) {
  struct statvfs info {};
  constexpr std::uint64_t least_bytes = 1U << 20U;
  return ::statvfs(folder.c_str(), &info) == 0 && std::uint64_t{info.f_bavail} * info.f_frsize < least_bytes;
}

class DiskWriter {
 public:
  DiskWriter(const DiskSpec& spec, const ChainContent& chain, Events& events)
      : spec_(spec), chain_(chain), events_(events), identity_(spec.name), kernel_(find_kernel(chain)) {}

  // What describes the content (tables, file systems, bootloaders) is written into a sparse file of its own at first,
  // while the content is copied; then what of it is new to the image goes there.
  DiskResult write(const fs::path& target, StartImage* start) {
    const std::vector<std::vector<BlockRun>> runs =
        find_runs(chain_, start != nullptr ? start->state.content : std::vector<ContentPiece>());
    const SystemSpec system{spec_,   chain_, identity_,
                            kernel_, runs,   carries_bootloader(chain_) ? BootMenu::bls : BootMenu::syslinux};
    const Scratch scratch(target);
    auto firmware_later = std::async(std::launch::async, [&] { return make_firmware(scratch.path()); });
    const FileSystemPlan root = plan(make_root_model(system));
    const Geometry geometry = choose_geometry(root);

    if (start != nullptr && start->state.blocks.size_bytes() != geometry.disk_bytes) start = nullptr;
    DiskResult result{geometry.disk_bytes, 0, {{}, BlockHashes(geometry.disk_bytes)}};
    if (start != nullptr) result.state = std::move(start->state);
    const auto image = start_image(start, target, geometry.disk_bytes);
    BlockWriter blocks(image->fd(), result.state.blocks);
    const Tables tables(scratch.path() / "tables", geometry.disk_bytes);
    write_gpt(tables.path, geometry, identity_);
    const Firmware firmware = firmware_later.get();
    const FileSystemPlan boot = plan(make_boot_model(system, firmware.bootloader.boot));
    write_firmware(tables, firmware);
    result.used_bytes = write_file_systems(tables, geometry, {root, boot}, blocks, result.state.content);
    put_around(result.state.content, tables.path, blocks);
    image->commit();
    return result;
  }

 private:
  // What boots the disk, ready to be copied to its places.
  struct Firmware {
    Bootloader bootloader;
    fs::path esp;
  };

  // The sparse file that gets everything but content.
  struct Tables {
    Tables(fs::path file, std::uint64_t size_bytes)
        : path(std::move(file)), fd(open_file(path, O_RDWR | O_CREAT | O_EXCL)) {
      if (::ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) throw_errno("sizing", path.string(), errno);
    }
    fs::path path;
    Fd fd;
  };

  static std::unique_ptr<AtomicFile> start_image(const StartImage* start, const fs::path& target,
                                                 std::uint64_t disk_bytes) {
    if (start != nullptr && start->is_spare) return std::make_unique<AtomicFile>(target, start->path);
    auto image = std::make_unique<AtomicFile>(target);
    if (start != nullptr) {
      copy_content(open_file(start->path, O_RDONLY).get(), image->fd(), start->path.string(), target.string());
    } else if (::ftruncate(image->fd(), static_cast<off_t>(disk_bytes)) != 0) {
      throw_errno("sizing", target.string(), errno);
    }
    return image;
  }

  Firmware make_firmware(const fs::path& scratch) const {
    try {
      return run_firmware_tools(scratch);
    } catch (const Error&) {
      if (is_full(scratch)) throw_errno("writing in", scratch.string(), ENOSPC);
      throw;
    }
  }

  Firmware run_firmware_tools(const fs::path& scratch) const {
    Firmware firmware{make_bootloader(chain_, identity_, scratch), {}};
    firmware.esp = make_esp(esp_place.size_bytes, esp_place.offset_bytes / sector_bytes, identity_.esp_volume_id,
                            firmware.bootloader.esp, chain_, scratch);
    return firmware;
  }

  void write_firmware(const Tables& tables, const Firmware& firmware) {
    if (firmware.bootloader.core_image.empty()) {
      events_.note("the commit has no GRUB for BIOS: this disk boots by UEFI only");
    }
    write_all_at(tables.fd.get(), firmware.bootloader.boot_code, 0, tables.path.string());
    write_all_at(tables.fd.get(), firmware.bootloader.core_image, bios_place.offset_bytes, tables.path.string());
    copy_into(firmware.esp, tables.fd.get(), esp_place.offset_bytes);
  }

  Geometry choose_geometry(const FileSystemPlan& root) const {
    const std::uint64_t boot = boot_bytes(kernel_);
    const std::uint64_t size =
        spec_.size_bytes.value_or(smallest_disk(boot, region_bytes(root, root_journal_blocks, 25)));
    return make_geometry(size, boot, region_bytes(root, root_journal_blocks, 2));
  }

  struct Open {
    std::unique_ptr<Ext4> ext4;
    Layout layout;
  };

  Open open(const Tables& tables, const Partition& place, const FileSystemPlan& plan, std::uint32_t journal_blocks,
            const std::string& label) {
    const bool is_root = label == "root";
    Open result;
    result.ext4 = std::make_unique<Ext4>(Ext4Options{tables.path, place.offset_bytes, place.size_bytes, label,
                                                     is_root ? identity_.root_filesystem : identity_.boot_filesystem,
                                                     is_root ? identity_.root_hash_seed : identity_.boot_hash_seed,
                                                     journal_blocks});
    result.layout = make_layout(plan.model, plan.needs_xattr_block, result.ext4->free_segments());
    return result;
  }

  struct Plans {
    const FileSystemPlan& root;
    const FileSystemPlan& boot;
  };

  // Content is copied by other threads while this one writes what describes it. `content` is what the image has, and
  // then what it has now. Returns the bytes used of the root file system.
  std::uint64_t write_file_systems(const Tables& tables, const Geometry& geometry, const Plans& plans,
                                   BlockWriter& image, std::vector<ContentPiece>& content) {
    Open root = open(tables, geometry.root, plans.root, root_journal_blocks, "root");
    Open boot = open(tables, geometry.boot, plans.boot, boot_journal_blocks, "boot");
    ContentCopier copier(chain_, image);
    copier.add(plans.root.model, root.layout, geometry.root.offset_bytes);
    copier.add(plans.boot.model, boot.layout, geometry.boot.offset_bytes);
    std::vector<ContentPiece> planned = copier.plan();
    auto copying = std::async(std::launch::async, [&] { copier.run(copy_threads, content); });
    boot.ext4->write(plans.boot.model, boot.layout, plans.boot.xattrs);
    boot.ext4->close();
    root.ext4->write(plans.root.model, root.layout, plans.root.xattrs);
    root.ext4->close();
    while (copying.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
      events_.progress("disk", copier.done_bytes(), copier.total_bytes(), "bytes");
    }
    copying.get();
    content = std::move(planned);
    return root.layout.used_blocks * block_bytes;
  }

  const DiskSpec& spec_;
  const ChainContent& chain_;
  Events& events_;
  Identity identity_;
  Kernel kernel_;
};

}  // namespace

DiskResult write_raw_disk(const DiskSpec& spec, const ChainContent& chain, const fs::path& target, Events& events,
                          StartImage* start) {
  return with_context(fmt::format("writing the disk '{}'", target.string()), [&] {
    check_spec(spec);
    return DiskWriter(spec, chain, events).write(fs::absolute(target), start);
  });
}

}  // namespace compose::disk
