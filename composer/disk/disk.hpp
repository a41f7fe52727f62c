#pragma once
// The disk image of a commit: GPT with BIOS boot, ESP, /boot and root, written in user space straight from the
// objects of a bare-user repository; no root, no mount, no loop device. A pure function of its arguments and of the
// GRUB that boots it (the commit's own, else the build host's): same bytes on every host, whether written anew or as
// the differences from an earlier image.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "disk/image_state.hpp"
#include "support/content.hpp"
#include "support/events.hpp"
#include "support/path.hpp"

namespace compose::disk {

struct DiskSpec {
  std::string name;                         // the recipe's: all UUIDs, ids and hash seeds derive from it alone
  std::string stateroot;                    // the "os name" of `ostree admin`
  std::string ref;                          // of the deployed commit, in the image's repository and its origin
  std::string remote;                       // whose ref that is; empty: a local one
  std::vector<std::string> kargs;           // after the defaults
  std::optional<std::uint64_t> size_bytes;  // absent: whole GiB, with a quarter of the root file system free
  // The SELinux label of a path of the running system (mode with type bits), empty for none. Unset: no labels but those
  // that the commit's files carry.
  std::function<std::string(const std::string& path, std::uint32_t mode)> label;
};

// An image to start from: only what is different is written then.
struct StartImage {
  fs::path path;
  ImageState state;
  bool is_spare = false;  // nobody needs it: the file itself becomes the new image. Else a copy of it does
};

struct DiskResult {
  std::uint64_t size_bytes = 0;
  std::uint64_t used_bytes = 0;  // of the root file system, up to the last block in use
  ImageState state;
};

// Writes `target` (raw, sparse), which appears only when it is complete. The last commit of the chain gets deployed;
// the earlier ones decide where its content goes, so that what they share with it stays in place.
// Throws Error(input) when the commit cannot be a bootable disk (no kernel, names or attributes that ext4 cannot hold,
// disk too small), Error(failed) when writing fails; a full file system leaves an earlier target as it was.
// `start`, if any, is in the target's file system, and its state is used up. It is of no use, and its file stays, when
// the new image has another size.
DiskResult write_raw_disk(const DiskSpec& spec, const ChainContent& chain, const fs::path& target, Events& events,
                          StartImage* start = nullptr);

// Converts a raw image to "qcow2", "vmdk" (streamOptimized) or "vhd" (dynamic) with qemu-img; the ids and times in
// these formats are derived from `raw`'s partition table, so that the result is the same every time.
void convert_disk(const fs::path& raw, const std::string& format, const fs::path& target, Events& events);

// What of the build host gets into an image: names and digests of its GRUB files, for whoever keeps images by input.
std::string host_bootloader_identity();

}  // namespace compose::disk
