#include "disk/gpt.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <libfdisk/libfdisk.h>

#include <fmt/format.h>

#include "support/error.hpp"
#include "support/handle.hpp"

namespace compose::disk {
namespace {

constexpr std::uint64_t mib = 1U << 20U;
constexpr std::uint64_t gib = 1U << 30U;

using Context = Handle<fdisk_context, fdisk_unref_context>;
using PartitionHandle = Handle<fdisk_partition, fdisk_unref_partition>;
using PartitionType = Handle<fdisk_parttype, fdisk_unref_parttype>;

void check(int result, const char* doing) {
  if (result < 0) {
    throw Error(ErrorKind::failed, fmt::format("the partition table: {}: {}", doing, std::strerror(-result)));
  }
}

struct Description {
  const char* name;
  const char* type;
  Partition place;
  Uuid uuid;
};

void add_partition(fdisk_context* context, std::size_t number, const Description& description) {
  const PartitionHandle partition(fdisk_new_partition());
  const PartitionType type(fdisk_label_get_parttype_from_string(fdisk_get_label(context, "gpt"), description.type));
  if (!type)
    throw Error(ErrorKind::failed, fmt::format("libfdisk does not know the partition type {}", description.type));
  fdisk_partition_set_partno(partition.get(), number);
  fdisk_partition_size_explicit(partition.get(), 1);
  check(fdisk_partition_set_start(partition.get(), description.place.offset_bytes / sector_bytes), "start");
  check(fdisk_partition_set_size(partition.get(), description.place.size_bytes / sector_bytes), "size");
  check(fdisk_partition_set_type(partition.get(), type.get()), "type");
  check(fdisk_partition_set_name(partition.get(), description.name), "name");
  check(fdisk_partition_set_uuid(partition.get(), to_string(description.uuid).c_str()), "uuid");
  check(fdisk_add_partition(context, partition.get(), nullptr), description.name);
}

std::uint64_t round_down(std::uint64_t value, std::uint64_t unit) { return value / unit * unit; }

}  // namespace

Geometry make_geometry(std::uint64_t disk_bytes, std::uint64_t boot_bytes, std::uint64_t root_minimum_bytes) {
  Geometry geometry;
  geometry.disk_bytes = disk_bytes;
  geometry.bios = bios_place;
  geometry.esp = esp_place;
  geometry.boot = {esp_place.offset_bytes + esp_place.size_bytes, boot_bytes};
  geometry.root.offset_bytes = geometry.boot.offset_bytes + boot_bytes;
  const std::uint64_t end = round_down(disk_bytes, mib) - mib;
  const std::uint64_t needed = geometry.root.offset_bytes + root_minimum_bytes;
  if (disk_bytes % sector_bytes != 0 || disk_bytes < 2 * mib || end < needed) {
    throw Error(ErrorKind::input,
                fmt::format("a disk of {} MiB is too small: this commit needs at least {} MiB", disk_bytes / mib,
                            (needed + 2 * mib - 1) / mib),
                "give [disk] size a larger value, or \"auto\"");
  }
  geometry.root.size_bytes = end - geometry.root.offset_bytes;
  return geometry;
}

std::uint64_t smallest_disk(std::uint64_t boot_bytes, std::uint64_t root_minimum_bytes) {
  const std::uint64_t needed = esp_place.offset_bytes + esp_place.size_bytes + boot_bytes + root_minimum_bytes + mib;
  return (needed + gib - 1) / gib * gib;
}

void write_gpt(const fs::path& image, const Geometry& geometry, const Identity& identity) {
  const Context context(fdisk_new_context());
  check(fdisk_disable_dialogs(context.get(), 1), "dialogs");
  check(fdisk_assign_device(context.get(), image.c_str(), 0), "opening the image");
  check(fdisk_create_disklabel(context.get(), "gpt"), "new table");
  check(fdisk_set_disklabel_id_from_string(context.get(), to_string(identity.disk).c_str()), "disk id");
  const Description partitions[] = {
      {"bios-boot", "21686148-6449-6E6F-744E-656564454649", geometry.bios, identity.bios_partition},
      {"esp", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", geometry.esp, identity.esp_partition},
      {"boot", "BC13C2FF-59E6-4262-A352-B275FD6F7172", geometry.boot, identity.boot_partition},
      {"root", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", geometry.root, identity.root_partition},
  };
  std::size_t number = 0;
  for (const auto& partition : partitions) add_partition(context.get(), number++, partition);
  check(fdisk_write_disklabel(context.get()), "writing");
  check(fdisk_deassign_device(context.get(), 1), "closing the image");
}

std::vector<Partition> read_partitions(const fs::path& image) {
  const Context context(fdisk_new_context());
  check(fdisk_disable_dialogs(context.get(), 1), "dialogs");
  const int opened = fdisk_assign_device(context.get(), image.c_str(), 1);
  if (opened < 0) throw_errno("opening the image", image.string(), -opened);
  if (fdisk_is_labeltype(context.get(), FDISK_DISKLABEL_GPT) == 0) {
    throw Error(ErrorKind::input, fmt::format("'{}' has no partition table (GPT)", image.string()),
                "only raw disk images can be read: convert others with `qemu-img convert -O raw`");
  }
  std::vector<Partition> partitions;
  for (std::size_t number = 0; number < fdisk_get_npartitions(context.get()); ++number) {
    fdisk_partition* raw = nullptr;
    if (fdisk_is_partition_used(context.get(), number) == 0) continue;
    check(fdisk_get_partition(context.get(), number, &raw), "reading a partition");
    const PartitionHandle partition(raw);
    partitions.push_back({fdisk_partition_get_start(raw) * sector_bytes, fdisk_partition_get_size(raw) * sector_bytes});
  }
  std::sort(partitions.begin(), partitions.end(),
            [](const Partition& a, const Partition& b) { return a.offset_bytes < b.offset_bytes; });
  return partitions;
}

}  // namespace compose::disk
