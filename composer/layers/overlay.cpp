#include "layers/overlay.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "layers/known_users.hpp"
#include "ostree/transaction.hpp"
#include "recipe/document.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/number.hpp"

namespace compose::layers {
namespace {

constexpr const char* settings_name = "overlay.toml";

// What overlay.toml says of one path.
struct Ownership {
  std::string owner = "root";
  std::string group = "root";
  std::optional<std::uint32_t> mode;
};

struct Item {
  fs::path source;
  std::string path;  // in the tree
  std::uint32_t type = 0;
  Ownership ownership;
  std::string target;  // links
  std::string digest;  // files
};

// /etc of an overlay is the tree's /usr/etc: the commit carries the defaults, the host its own copy.
std::string tree_path(const std::string& relative) {
  if (relative == "etc" || relative.starts_with("etc/")) return "/usr/" + relative;
  return "/" + relative;
}

bool leaves_tree(const std::string& relative, const std::string& target) {
  if (target.starts_with("/")) return false;
  int depth = static_cast<int>(std::count(relative.begin(), relative.end(), '/'));
  for (const auto& part : fs::path(target)) {
    if (part == "..") --depth;
    if (part != ".." && part != ".") ++depth;
    if (depth < 0) return true;
  }
  return false;
}

bool is_private_key(const fs::path& file) {
  const Fd fd = open_file(file, O_RDONLY);
  std::string text(65536, '\0');
  const ssize_t count = ::read(fd.get(), text.data(), text.size());
  if (count < 0) throw_errno("reading", file.string(), errno);
  text.resize(static_cast<std::size_t>(count));
  const std::size_t begin = text.find("-----BEGIN ");
  return begin != std::string::npos && text.substr(begin, 64).find("PRIVATE KEY-----") != std::string::npos;
}

[[noreturn]] void refuse(const fs::path& file, const std::string& why, const std::string& hint) {
  throw Error(ErrorKind::input, fmt::format("overlay file '{}' {}", file.string(), why), hint);
}

Item read_item(const fs::path& source, const std::string& relative) {
  struct stat info {};
  if (::lstat(source.c_str(), &info) != 0) throw_errno("reading", source.string(), errno);
  Item item{source, tree_path(relative), info.st_mode & S_IFMT, {}, {}, {}};
  switch (item.type) {
    case S_IFDIR:
      item.ownership.mode = 0755;
      break;
    case S_IFLNK:
      item.target = fs::read_symlink(source).string();
      if (leaves_tree(relative, item.target)) {
        refuse(source, fmt::format("is a link to '{}', which leads out of the tree", item.target),
               "link to a path within the image");
      }
      break;
    case S_IFREG:
      if (is_private_key(source)) {
        refuse(source, "holds a private key",
               "an image is read by everybody who runs it: bring secrets with user data at first boot");
      }
      item.ownership.mode = (info.st_mode & 0111U) != 0 ? 0755U : 0644U;
      item.digest = sha256_of_file(source);
      break;
    default:
      refuse(source, "is a device node, a pipe or a socket",
             "only files, folders and symbolic links can be part of an overlay");
  }
  return item;
}

std::map<std::string, Item> read_items(const fs::path& folder) {
  std::map<std::string, Item> items;
  for (fs::recursive_directory_iterator entry(folder), end; entry != end; ++entry) {
    const std::string relative = entry->path().lexically_relative(folder).string();
    if (relative == settings_name) continue;
    items.emplace(relative, read_item(entry->path(), relative));
  }
  return items;
}

std::optional<std::uint32_t> parse_mode(const std::string& text) {
  const auto mode = parse_number<std::uint32_t>(text, 8);
  return mode && *mode <= 07777U && text.size() >= 3 ? mode : std::nullopt;
}

// overlay.toml: [[file]] path, mode = "0750", owner, group.
void apply_settings(const fs::path& folder, std::map<std::string, Item>& items) {
  const fs::path file = folder / settings_name;
  if (!fs::exists(file)) return;
  recipe::Diagnostics diagnostics;
  recipe::Document document = recipe::Document::load(file, diagnostics);
  diagnostics.throw_if_any();
  recipe::Table root = document.root();
  for (recipe::Table& table : root.tables("file")) {
    const std::string path = table.required_string("path", "a path within the overlay");
    const auto found = items.find(path);
    if (!path.empty() && found == items.end()) table.error("path", fmt::format("the overlay has no '{}'", path));
    Ownership ignored;
    Ownership& ownership = found != items.end() ? found->second.ownership : ignored;
    ownership.owner = table.string("owner").value_or("root");
    ownership.group = table.string("group").value_or("root");
    if (const auto text = table.string("mode")) {
      const auto mode = parse_mode(*text);
      if (!mode)
        table.error("mode", fmt::format("'{}' is not a file mode; expected octal digits such as \"0750\"", *text));
      if (mode) ownership.mode = mode;
    }
    table.finish();
  }
  root.finish();
  diagnostics.throw_if_any();
}

std::uint32_t id_of(const std::map<std::string, std::optional<std::uint32_t>>& ids, const std::string& name,
                    const Item& item) {
  if (const auto value = parse_number<std::uint32_t>(name)) return *value;
  const auto found = ids.find(name);
  if (found != ids.end() && found->second) return *found->second;
  throw Error(
      ErrorKind::input,
      fmt::format("overlay file '{}' belongs to '{}', which the tree does not know", item.source.string(), name),
      "name a user of the base's passwd with a fixed number, or give the number itself");
}

void put(ostree::Tree& tree, const Users& users, const Item& item) {
  FileMeta meta;
  meta.uid = id_of(users.users, item.ownership.owner, item);
  meta.gid = id_of(users.groups, item.ownership.group, item);
  meta.mode = item.type | item.ownership.mode.value_or(0777U);
  if (item.path == "/var" || item.path.starts_with("/var/")) {
    refuse(item.source, "is below /var",
           "a commit's /var is empty: create it on the host with a tmpfiles.d line, content below /usr");
  }
  if (item.type == S_IFDIR) {
    const bool there = tree.lookup(item.path).has_value();
    if (!there || item.ownership.owner != "root" || item.ownership.mode != 0755U) tree.put_directory(item.path, meta);
  } else if (item.type == S_IFLNK) {
    tree.put_symlink(item.path, item.target, meta);
  } else {
    tree.put_file_from(item.path, meta, item.source);
  }
}

std::string describe(const std::map<std::string, Item>& items) {
  std::string text;
  for (const auto& [relative, item] : items) {
    text += fmt::format("{:?} {:o} {:o} {}:{} {:?} {}\n", relative, item.type, item.ownership.mode.value_or(0),
                        item.ownership.owner, item.ownership.group, item.target, item.digest);
  }
  return text;
}

}  // namespace

Layer overlay_layer(const recipe::Overlay& overlay) {
  auto items = read_items(overlay.path);
  apply_settings(overlay.path, items);
  Layer layer;
  layer.name = "overlay:" + overlay.path.filename().string();
  layer.inputs = describe(items);
  layer.make = [items, name = layer.name](Context& context, const std::string& previous) {
    ostree::Transaction transaction(context.repository);
    ostree::Tree tree = open_labelled(context, previous);
    const Users users = read_users(tree);
    for (const auto& [relative, item] : items) {
      with_context(fmt::format("adding '{}' of {}", relative, name), [&, &entry = item] { put(tree, users, entry); });
    }
    const std::string commit = commit_layer(context, tree, name, previous);
    transaction.commit();
    return commit;
  };
  return layer;
}

}  // namespace compose::layers
