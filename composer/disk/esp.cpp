#include "disk/esp.hpp"

#include <set>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::disk {
namespace {

// FAT keeps local time and mtools reads a configuration of the user's: neither may reach the image.
const ProcessOptions& options() {
  static const ProcessOptions result{{{"SOURCE_DATE_EPOCH", "315532800"},
                                      {"TZ", "UTC"},
                                      {"LC_ALL", "C"},
                                      {"MTOOLSRC", "/dev/null"},
                                      {"MTOOLS_SKIP_CHECK", "1"}},
                                     std::nullopt,
                                     std::nullopt};
  return result;
}

// All directories above the files, parents first.
std::set<std::string> directories_of(const std::vector<EspFile>& files) {
  std::set<std::string> directories;
  for (const auto& file : files) {
    for (fs::path path = fs::path(file.path).parent_path(); !path.empty(); path = path.parent_path()) {
      directories.insert(path.string());
    }
  }
  return directories;
}

}  // namespace

void write_esp(const fs::path& image, const Partition& place, std::uint32_t volume_id,
               const std::vector<EspFile>& files, const ChainContent& chain, const fs::path& scratch) {
  run_checked({"mkfs.vfat", "--invariant", "-i", fmt::format("{:08x}", volume_id), "-n", "EFI-SYSTEM", "-F", "32", "-s",
               "1", "-g", "255/63", fmt::format("--offset={}", place.offset_bytes / sector_bytes), image.string(),
               std::to_string(place.size_bytes / 1024)},
              options());
  const std::string drive = fmt::format("{}@@{}", image.string(), place.offset_bytes);
  std::vector<std::string> make_directories{"mmd", "-i", drive};
  for (const auto& directory : directories_of(files)) make_directories.push_back("::/" + directory);
  if (make_directories.size() > 3) run_checked(make_directories, options());
  for (const auto& file : files) {
    fs::path source = scratch / "esp-file";
    if (file.object != nullptr) {
      source = chain.path_of(*file.object);
    } else {
      write_file_atomically(source, file.data);
    }
    run_checked({"mcopy", "-i", drive, source.string(), "::/" + file.path}, options());
  }
}

}  // namespace compose::disk
