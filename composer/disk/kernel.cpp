#include "disk/kernel.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::disk {
namespace {

constexpr const char* modules = "usr/lib/modules";
constexpr int most_link_steps = 8;

[[noreturn]] void throw_no_kernel(const std::string& what) {
  throw Error(ErrorKind::input, what,
              "an OSTree system has exactly one usr/lib/modules/VERSION/vmlinuz with an initramfs.img beside it");
}

void hash_file(Sha256& hash, const fs::path& path) {
  const Fd fd = open_file(path, O_RDONLY);
  std::string buffer(256U << 10U, '\0');
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", path.string(), errno);
    if (count == 0) return;
    hash.update(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
  }
}

// os-release(5): NAME=value, the value perhaps in quotes with backslash escapes.
std::string unquote(const std::string& value) {
  const bool quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
  if (!quoted) return value;
  std::string text;
  for (std::size_t i = 1; i + 1 < value.size(); ++i) {
    if (value[i] == '\\' && value.front() == '"' && i + 2 < value.size()) ++i;
    text.push_back(value[i]);
  }
  return text;
}

std::map<std::string, std::string> parse_os_release(const std::string& text) {
  std::map<std::string, std::string> values;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos || line.starts_with('#')) continue;
    values[line.substr(0, equals)] = unquote(line.substr(equals + 1));
  }
  return values;
}

// usr/lib/os-release may be a link to another file beside it (Fedora's variants).
const FileObject* find_os_release(const ChainContent& chain) {
  const auto& root = chain.commits.back().root;
  std::string path = "usr/lib/os-release";
  for (int step = 0; step < most_link_steps; ++step) {
    const FileObject* file = find_file(chain, root, path);
    if (file == nullptr || file->symlink_target.empty()) return file;
    path = (fs::path(path).parent_path() / file->symlink_target).lexically_normal().relative_path().string();
  }
  return nullptr;
}

}  // namespace

const Subdirectory* find_directory(const ChainContent& chain, const Subdirectory& root, const std::string& path) {
  const Subdirectory* directory = &root;
  for (const auto& component : fs::path(path)) {
    const auto& children = chain.trees[directory->tree].directories;
    const auto child = children.find(component.string());
    if (child == children.end()) return nullptr;
    directory = &child->second;
  }
  return directory;
}

const FileObject* find_file(const ChainContent& chain, const Subdirectory& root, const std::string& path) {
  const fs::path whole(path);
  const Subdirectory* directory = find_directory(chain, root, whole.parent_path().string());
  if (directory == nullptr) return nullptr;
  const auto& files = chain.trees[directory->tree].files;
  const auto file = files.find(whole.filename().string());
  return file == files.end() ? nullptr : &chain.files[file->second];
}

Kernel find_kernel(const ChainContent& chain) {
  const auto& root = chain.commits.back().root;
  const Subdirectory* directory = find_directory(chain, root, modules);
  if (directory == nullptr) throw_no_kernel(fmt::format("the commit has no /{}", modules));
  Kernel kernel;
  for (const auto& [version, place] : chain.trees[directory->tree].directories) {
    const FileObject* vmlinuz = find_file(chain, place, "vmlinuz");
    if (vmlinuz == nullptr || vmlinuz->size_bytes == 0) continue;
    if (kernel.vmlinuz != nullptr) {
      throw_no_kernel(fmt::format("the commit has two kernels, {} and {}", kernel.version, version));
    }
    kernel = {version, vmlinuz, find_file(chain, place, "initramfs.img"), find_file(chain, place, ".vmlinuz.hmac"), {}};
  }
  if (kernel.vmlinuz == nullptr) throw_no_kernel(fmt::format("the commit has no kernel below /{}", modules));
  if (kernel.initramfs == nullptr) throw_no_kernel(fmt::format("kernel {} has no initramfs.img", kernel.version));
  Sha256 hash;
  hash_file(hash, chain.path_of(*kernel.vmlinuz));
  hash_file(hash, chain.path_of(*kernel.initramfs));
  kernel.bootcsum = to_hex(hash.finish());
  return kernel;
}

std::string boot_title(const ChainContent& chain) {
  std::map<std::string, std::string> os_release;
  const FileObject* file = find_os_release(chain);
  if (file != nullptr) os_release = parse_os_release(read_file(chain.path_of(*file), 1U << 20U));
  std::string title = "OSTree";
  for (const char* key : {"ID", "PRETTY_NAME"}) {
    if (os_release.contains(key)) title = os_release[key];
  }
  const std::string& version = chain.commits.back().version;
  if (!version.empty() && title.find(version) == std::string::npos) title += " " + version;
  return title + " (ostree:0)";
}

}  // namespace compose::disk
