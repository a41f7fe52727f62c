#include "disk/formats.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <span>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

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

struct Format {
  std::vector<std::string> qemu_options;
  std::function<void(const fs::path& image, const Uuid& id)> make_constant;
};

std::string read_at(int fd, std::uint64_t offset, std::size_t size, const fs::path& path) {
  std::string bytes(size, '\0');
  const ssize_t count = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  if (count < 0) throw_errno("reading", path.string(), errno);
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

void patch_vhd(const fs::path& image, const Uuid& id) {
  const Fd fd = open_file(image, O_RDWR);
  const std::uint64_t end = fs::file_size(image);
  for (const std::uint64_t offset : {std::uint64_t{0}, end - vhd_footer_bytes}) {
    const std::string footer = constant_vhd_footer(read_at(fd.get(), offset, vhd_footer_bytes, image), id);
    write_all_at(fd.get(), footer, offset, image.string());
  }
}

void patch_vmdk(const fs::path& image, const Uuid& id) {
  constexpr std::uint64_t descriptor_at = 512;
  constexpr std::size_t descriptor_bytes = 20 * 512;
  const Fd fd = open_file(image, O_RDWR);
  const std::string descriptor =
      constant_vmdk_descriptor(read_at(fd.get(), descriptor_at, descriptor_bytes, image), id);
  write_all_at(fd.get(), descriptor, descriptor_at, image.string());
}

const std::map<std::string, Format>& formats() {
  static const std::map<std::string, Format> table{
      {"qcow2", {{"-O", "qcow2"}, nullptr}},
      {"vhd", {{"-O", "vpc", "-o", "subformat=dynamic,force_size=on"}, patch_vhd}},
      {"vmdk", {{"-O", "vmdk", "-o", "subformat=streamOptimized"}, patch_vmdk}},
  };
  return table;
}

// The id in the partition table's header, in the order in which it is stored.
Uuid disk_id(const fs::path& raw) {
  constexpr std::uint64_t header_at = 512;
  constexpr std::size_t id_at = 56;
  const Fd fd = open_file(raw, O_RDONLY);
  const std::string header = read_at(fd.get(), header_at, 512, raw);
  if (header.size() != 512 || !header.starts_with("EFI PART")) {
    throw Error(ErrorKind::input, fmt::format("'{}' is not a raw disk image with a partition table", raw.string()));
  }
  Uuid id{};
  std::copy_n(header.begin() + id_at, id.size(), id.begin());
  return id;
}

}  // namespace

std::string constant_vhd_footer(std::string footer, const Uuid& id) {
  constexpr std::size_t time_at = 24;
  constexpr std::size_t checksum_at = 64;
  constexpr std::size_t id_at = 68;
  if (footer.size() != vhd_footer_bytes || !footer.starts_with("conectix")) {
    throw Error(ErrorKind::failed, "qemu-img made a VHD without its footer");
  }
  std::fill_n(footer.begin() + time_at, 4, '\0');
  std::fill_n(footer.begin() + checksum_at, 4, '\0');
  std::copy(id.begin(), id.end(), footer.begin() + id_at);
  std::uint32_t sum = 0;
  for (const char byte : footer) sum += static_cast<unsigned char>(byte);
  sum = ~sum;
  for (std::size_t i = 0; i < 4; ++i) footer[checksum_at + i] = static_cast<char>(sum >> (24U - 8U * i));
  return footer;
}

// qemu-img writes the id without leading zeros: the line has up to eight digits, and what follows moves.
std::string constant_vmdk_descriptor(std::string descriptor, const Uuid& id) {
  constexpr std::string_view key = "\nCID=";
  const std::size_t size = descriptor.size();
  const std::size_t at = descriptor.find(key);
  const std::size_t end = descriptor.find('\n', at == std::string::npos ? at : at + key.size());
  if (end == std::string::npos) throw Error(ErrorKind::failed, "qemu-img made a VMDK without a content id");
  descriptor.replace(at + key.size(), end - at - key.size(), to_hex(std::span(id).first(4)));
  if (descriptor.size() > size && descriptor.find_last_not_of('\0') >= size) {
    throw Error(ErrorKind::failed, "qemu-img made a VMDK whose descriptor has no room for its id");
  }
  descriptor.resize(size, '\0');
  return descriptor;
}

void convert_disk(const fs::path& raw, const std::string& format, const fs::path& target, Events& events) {
  const auto known = formats().find(format);
  if (known == formats().end()) {
    throw Error(ErrorKind::input, fmt::format("'{}' is not a disk format", format),
                "formats are raw, qcow2, vmdk and vhd");
  }
  Stage stage(events, format, target.filename().string());
  const fs::path place = fs::absolute(target);
  // In a folder of its own and under a constant name: a VMDK contains its file's name.
  const Scratch scratch(place);
  const fs::path made = scratch.path() / ("disk." + format);
  std::vector<std::string> command{"qemu-img", "convert", "-f", "raw"};
  command.insert(command.end(), known->second.qemu_options.begin(), known->second.qemu_options.end());
  command.insert(command.end(), {fs::absolute(raw).string(), made.string()});
  run_checked(command);
  if (known->second.make_constant) known->second.make_constant(made, disk_id(raw));
  if (::fsync(open_file(made, O_RDWR).get()) != 0) throw_errno("writing", made.string(), errno);
  if (::rename(made.c_str(), place.c_str()) != 0) throw_errno("renaming to", place.string(), errno);
}

}  // namespace compose::disk
