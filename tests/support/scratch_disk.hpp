#pragma once
// A raw disk image with our four partitions, formatted by mkfs as a test likes it.

#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "disk/gpt.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::tests {

// mkfs and its kind are not on everybody's PATH.
inline const ProcessOptions with_sbin{{{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}}, {}, {}};

struct ScratchDisk {
  TemporaryDirectory folder{fs::temp_directory_path()};
  fs::path image = folder.path() / "disk.raw";
  fs::path part = folder.path() / "part";  // the partition that was formatted last
  disk::Geometry geometry;

  explicit ScratchDisk(std::uint64_t bytes) : geometry(disk::make_geometry(bytes, 96U << 20U, 64U << 20U)) {
    const Fd fd = open_file(image, O_RDWR | O_CREAT);
    REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(bytes)) == 0);
    disk::write_gpt(image, geometry, disk::Identity("scratch"));
  }

  // mkfs.KIND with these options.
  void format(const disk::Partition& partition, const std::string& kind,
              const std::vector<std::string>& options) const {
    fs::remove(part);
    run_checked({"truncate", "-s", std::to_string(partition.size_bytes), part.string()});
    std::vector<std::string> command{"mkfs." + kind};
    command.insert(command.end(), options.begin(), options.end());
    command.push_back(part.string());
    run_checked(command, with_sbin);
    run_checked({"dd", "if=" + part.string(), "of=" + image.string(), "bs=1M",
                 fmt::format("seek={}", partition.offset_bytes >> 20U), "conv=notrunc,sparse", "status=none"});
  }

  void write(std::uint64_t offset, const std::string& text) const {
    const Fd fd = open_file(image, O_RDWR);
    write_all_at(fd.get(), text, offset, image.string());
  }
};

}  // namespace compose::tests
