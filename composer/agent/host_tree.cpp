#include "agent/host_tree.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <string_view>

#include "agent/systemd.hpp"

namespace compose::agent {
namespace {

constexpr int kMostLinks = 40;  // as Linux follows

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

template <std::size_t Count>
bool is_below_any(std::string_view path, const std::array<std::string_view, Count>& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](std::string_view folder) { return is_below(path, folder); });
}

std::string path_in_tree(const std::string& path) { return is_below(path, "/etc") ? "/usr" + path : path; }

// The path's parts go before what is left to walk.
void prepend_parts(std::deque<std::string>& rest, const std::string& path) {
  std::size_t end = path.size();
  while (end > 0) {
    const std::size_t slash = path.rfind('/', end - 1);
    const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
    const std::string part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") rest.push_front(part);
    end = slash == std::string::npos ? 0 : slash;
  }
}

}  // namespace

HostTree::HostTree(const TreeReader& tree) : tree_(tree) {
  for (const std::string& file : configuration_files("tmpfiles.d", ".conf")) {
    for (const TmpfilesLine& line : tmpfiles_lines(text(file))) {
      if (line.makes_nothing()) continue;
      made_.insert(line.path);
      if (line.type == 'L' && !line.argument.empty()) links_.emplace(line.path, line.argument);
    }
  }
}

TreeEntry HostTree::look(const std::string& path) const { return tree_.look(path_in_tree(path)); }

std::vector<std::string> HostTree::names_in(const std::string& directory) const {
  const Place place = resolve(directory);
  if (place.entry.kind != TreeEntry::Kind::directory) return {};
  return tree_.names_in(path_in_tree(place.path));
}

Place HostTree::resolve(const std::string& path) const {
  std::deque<std::string> rest;
  prepend_parts(rest, path);
  std::string at;
  int links = 0;
  while (!rest.empty()) {
    const std::string part = rest.front();
    rest.pop_front();
    if (part == "..") {
      at.erase(std::min(at.rfind('/'), at.size()));
      continue;
    }
    at += "/" + part;
    TreeEntry entry = look(at);
    const auto made = links_.find(at);
    if (entry.kind == TreeEntry::Kind::absent && made != links_.end()) {
      entry = {TreeEntry::Kind::symlink, 0777, made->second};
    }
    if (entry.kind != TreeEntry::Kind::symlink) continue;
    if (++links > kMostLinks) return {path, {}, true};
    at.erase(entry.target.starts_with('/') ? 0 : at.rfind('/'));
    prepend_parts(rest, entry.target);
  }
  return {at.empty() ? "/" : at, at.empty() ? TreeEntry{TreeEntry::Kind::directory, 0755, {}} : look(at), false};
}

std::string HostTree::text(const std::string& path) const {
  const Place place = resolve(path);
  return place.entry.kind == TreeEntry::Kind::file ? tree_.read(path_in_tree(place.path)) : "";
}

bool HostTree::is_there(const Place& place) const {
  static constexpr std::array<std::string_view, 3> kernel{"/proc", "/sys", "/dev"};
  static constexpr std::array<std::string_view, 4> always{"/etc", "/run", "/tmp", "/var"};
  if (place.circular) return false;
  if (place.entry.kind != TreeEntry::Kind::absent || is_below_any(place.path, kernel)) return true;
  if (std::find(always.begin(), always.end(), place.path) != always.end()) return true;
  // What is made has its parents made.
  const auto made = made_.lower_bound(place.path);
  if (made != made_.end() && *made == place.path) return true;
  const auto below = made_.lower_bound(place.path + "/");
  return below != made_.end() && is_below(*below, place.path);
}

bool HostTree::is_read_only(const std::string& path) {
  static constexpr std::array<std::string_view, 8> writable{"/etc", "/var", "/run",  "/tmp",
                                                            "/dev", "/sys", "/proc", "/boot"};
  return !is_below_any(path, writable);
}

std::vector<std::string> HostTree::configuration_files(const std::string& folder, const std::string& suffix) const {
  std::map<std::string, std::string> files;
  for (const std::string root : {"/usr/lib/", "/etc/"}) {
    for (const std::string& name : names_in(root + folder)) {
      if (name.ends_with(suffix)) files[name] = root + folder + "/" + name;
    }
  }
  std::vector<std::string> paths;
  for (const auto& [name, path] : files) paths.push_back(path);
  return paths;
}

}  // namespace compose::agent
