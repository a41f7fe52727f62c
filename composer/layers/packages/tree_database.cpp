#include "layers/packages/tree_database.hpp"

#include <set>

#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>

#include "rpm/database.hpp"
#include "support/file.hpp"

namespace compose::layers {
namespace {

constexpr const char* standard_folder = "/usr/share/rpm";
constexpr const char* base_copy = "/usr/lib/sysimage/rpm-ostree-base-db";
constexpr std::uint64_t largest_file_bytes = 1U << 30U;

std::set<std::string> files_in(const ostree::Tree& tree, const std::string& folder) {
  std::set<std::string> names;
  for (const auto& [name, kind] : tree.list(folder))
    if (kind == ostree::NodeKind::file) names.insert(name);
  return names;
}

void replace_files(ostree::Tree& tree, const std::string& folder, const fs::path& source) {
  for (const auto& name : files_in(tree, folder)) tree.remove(folder + "/" + name);
  tree.put_directory(folder, {0, 0, S_IFDIR | 0755U, {}});
  std::set<fs::path> files;
  for (fs::directory_iterator entry(source), end; entry != end; ++entry) files.insert(entry->path());
  for (const auto& file : files)
    tree.put_file_from(folder + "/" + file.filename().string(), {0, 0, S_IFREG | 0644U, {}}, file);
}

void put_link(ostree::Tree& tree, const std::string& path, const std::string& target) {
  if (!tree.lookup(path)) tree.put_symlink(path, target);
}

}  // namespace

std::optional<std::string> database_folder(const ostree::Tree& tree) {
  for (const auto& folder : rpm::database_folders) {
    const auto names = files_in(tree, folder);
    for (const auto& file : rpm::database_files)
      if (names.contains(file)) return folder;
  }
  return std::nullopt;
}

std::optional<fs::path> copy_database(const ostree::Tree& tree, const fs::path& folder) {
  const auto source = database_folder(tree);
  if (!source) return std::nullopt;
  fs::create_directories(folder);
  for (const auto& name : files_in(tree, *source))
    write_file_atomically(folder / name, tree.read(*source + "/" + name, largest_file_bytes));
  return folder;
}

void put_database(ostree::Tree& tree, const fs::path& folder) {
  const std::string target = database_folder(tree).value_or(standard_folder);
  replace_files(tree, target, folder);
  if (target == standard_folder) put_link(tree, "/usr/lib/sysimage/rpm", "../../share/rpm");
  replace_files(tree, base_copy, folder);
}

}  // namespace compose::layers
