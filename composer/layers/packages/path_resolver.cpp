#include "layers/packages/path_resolver.hpp"

#include <fmt/format.h>

#include "layers/packages/placement.hpp"
#include "support/error.hpp"

namespace compose::layers {
namespace {

constexpr unsigned max_links = 40;  // as the kernel has it

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string join(const std::string& parent, const std::string& name) {
  return parent == "/" ? "/" + name : parent + "/" + name;
}

}  // namespace

std::string PathResolver::resolve(const std::string& path) {
  unsigned links = 0;
  return join(follow(parent_of(path), links), path.substr(path.rfind('/') + 1));
}

// What `directory` is once no part of it is a link.
std::string PathResolver::follow(const std::string& directory, unsigned& links) {
  if (const auto known = directories_.find(directory); known != directories_.end()) return known->second;
  std::string real = "/";
  std::size_t begin = 0;
  while (begin < directory.size()) {
    const std::size_t end = std::min(directory.find('/', begin), directory.size());
    const std::string name = directory.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty() || name == ".") continue;
    real = name == ".." ? parent_of(real) : step(real, name, links);
  }
  if (tree_.lookup(real)) directories_.emplace(directory, real);
  return real;
}

std::string PathResolver::step(const std::string& parent, const std::string& name, unsigned& links) {
  const std::string path = join(parent, name);
  const auto node = tree_.lookup(path);
  if (!node && path == "/etc") return "/usr/etc";
  if (!node && path != "/usr" && parent == "/" && is_packaged_area(path)) return "/usr" + path;
  if (!node || node->kind == ostree::NodeKind::directory) return path;
  if (node->kind == ostree::NodeKind::file) {
    throw Error(ErrorKind::input, fmt::format("'{}' is a file in the tree, not a directory", path));
  }
  if (++links > max_links) {
    throw Error(ErrorKind::input, fmt::format("the symbolic link '{}' of the tree leads to itself", path));
  }
  const std::string& target = node->symlink_target;
  return follow(target.starts_with('/') ? target : join(parent, target), links);
}

}  // namespace compose::layers
