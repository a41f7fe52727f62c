// list-tree FOLDER: a line for each entry below FOLDER, sorted by path. A program of its own so that it can run under
// fakeroot, which then tells it the owners and attributes that it keeps.

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/listing.hpp"

namespace {

using compose::tests::Listed;
namespace fs = boost::filesystem;

std::map<std::string, std::string> xattrs_of(const std::string& path) {
  std::map<std::string, std::string> xattrs;
  std::string names(1U << 16U, '\0');
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    const std::string name(names.c_str() + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    std::string value(1U << 16U, '\0');
    const ssize_t bytes = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (bytes >= 0) xattrs[name] = value.substr(0, static_cast<std::size_t>(bytes));
  }
  return xattrs;
}

Listed describe(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw std::runtime_error("lstat " + path);
  Listed entry{status.st_mode, status.st_uid, status.st_gid, static_cast<std::uint32_t>(status.st_nlink), 0, {},
               xattrs_of(path)};
  if (!S_ISDIR(status.st_mode)) entry.size_bytes = static_cast<std::uint64_t>(status.st_size);
  if (S_ISREG(status.st_mode)) entry.content = compose::sha256_of_file(path);
  if (S_ISLNK(status.st_mode)) {
    std::string target(static_cast<std::size_t>(status.st_size), '\0');
    if (::readlink(path.c_str(), target.data(), target.size()) >= 0) entry.content = target;
  }
  return entry;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string root = argv[1];
  std::vector<std::string> lines{compose::tests::line_of("/", describe(root))};
  for (fs::recursive_directory_iterator entry(root), end; entry != end; ++entry) {
    const std::string path = entry->path().string();
    lines.push_back(compose::tests::line_of(path.substr(root.size()), describe(path)));
  }
  std::sort(lines.begin(), lines.end());
  for (const auto& line : lines) fmt::print("{}\n", line);
  return 0;
}
