#include <sys/stat.h>

#include <fmt/format.h>

#include "layers/packages/path_resolver.hpp"
#include "layers/packages/placement.hpp"
#include "layers/packages/unpack.hpp"
#include "support/error.hpp"

namespace compose::layers {
namespace {

using ostree::NodeKind;

// Paths of the tree that a package of the base has, as far as they are there. What has no place in a tree (files in
// /var) is not looked for.
std::map<std::string, bool> tree_paths(PathResolver& resolver, const rpm::PackageInfo& package) {
  std::map<std::string, bool> paths;  // -> whether it is a folder
  for (rpm::PackageFile file : package.files) {
    file.ghost = false;  // rpm takes them out as well
    if (!S_ISREG(file.mode) && !S_ISDIR(file.mode) && !S_ISLNK(file.mode)) continue;
    if (file.path == "/") continue;
    try {
      const Placement placement = place(file, rpm::to_text(package.nevra));
      if (!placement.path.empty()) paths.emplace(resolver.resolve(placement.path), S_ISDIR(file.mode));
    } catch (const Error&) {
      continue;  // the base cannot have it either
    }
  }
  return paths;
}

void remove_path(ostree::Tree& tree, const std::string& path, bool folder) {
  const auto node = tree.lookup(path);
  if (!node || !is_packaged_area(path) || path == top_of(path)) return;
  if (folder != (node->kind == NodeKind::directory)) return;
  if (!folder || tree.list(path).empty()) tree.remove(path);
}

}  // namespace

void remove_packages(ostree::Tree& tree, const fs::path& rpmdb, const std::vector<rpm::Nevra>& removed) {
  std::set<rpm::Nevra> missing(removed.begin(), removed.end());
  std::map<std::string, bool> gone;
  std::map<std::string, bool> kept;
  PathResolver resolver(tree);  // before anything is removed
  rpm::for_each_installed(rpmdb, [&](const rpm::PackageInfo& package) {
    (missing.erase(package.nevra) > 0 ? gone : kept).merge(tree_paths(resolver, package));
  });
  if (!missing.empty()) {
    throw Error(ErrorKind::input, fmt::format("the base does not have the package {}", rpm::to_text(*missing.begin())),
                "run 'atomic-compose resolve' again: the base is another one by now");
  }
  // Backwards: what is in a folder comes after it.
  for (auto path = gone.rbegin(); path != gone.rend(); ++path) {
    if (!kept.contains(path->first)) remove_path(tree, path->first, path->second);
  }
}

}  // namespace compose::layers
