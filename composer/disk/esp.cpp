#include "disk/esp.hpp"

#include <set>

#include <fcntl.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "disk/scratch.hpp"
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

fs::path make_esp(std::uint64_t size_bytes, std::uint64_t first_sector, std::uint32_t volume_id,
                  const std::vector<EspFile>& files, const ChainContent& chain, const fs::path& scratch) {
  const fs::path image = scratch / "esp";
  open_file(image, O_WRONLY | O_CREAT | O_TRUNC);
  fs::resize_file(image, size_bytes);
  run_checked({"mkfs.vfat", "--invariant", "-i", fmt::format("{:08x}", volume_id), "-n", "EFI-SYSTEM", "-F", "32", "-s",
               "1", "-g", "255/63", "-h", std::to_string(first_sector), image.string()},
              options());
  std::vector<std::string> make_directories{"mmd", "-i", image.string()};
  for (const auto& directory : directories_of(files)) make_directories.push_back("::/" + directory);
  if (make_directories.size() > 3) run_checked(make_directories, options());
  for (const auto& file : files) {
    fs::path source = scratch / "esp-file";
    if (file.object != nullptr) {
      source = chain.path_of(*file.object);
    } else {
      write_file(source, file.data);
    }
    run_checked({"mcopy", "-o", "-i", image.string(), source.string(), "::/" + file.path}, options());
  }
  return image;
}

}  // namespace compose::disk
