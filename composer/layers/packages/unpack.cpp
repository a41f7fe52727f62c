#include "layers/packages/unpack.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "layers/packages/path_resolver.hpp"
#include "layers/packages/placement.hpp"
#include "layers/packages/tmpfiles.hpp"
#include "rpm/capabilities.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::layers {
namespace {

using ostree::Node;
using ostree::NodeKind;

constexpr std::uint64_t memory_limit_bytes = 4U << 20U;

// The content of one file, in memory or, when it is large, in the scratch file. Hard links use it again.
class Content {
 public:
  explicit Content(fs::path scratch) : scratch_(std::move(scratch)) {}
  ~Content() {
    boost::system::error_code ignored;
    fs::remove(scratch_, ignored);
  }
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  void take(rpm::FileContent& content, std::uint64_t size_bytes) {
    in_memory_ = size_bytes <= memory_limit_bytes;
    bytes_.clear();
    Fd file;
    if (!in_memory_) file = open_file(scratch_, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    std::vector<char> buffer(std::min<std::uint64_t>(size_bytes + 1, 1U << 20U));
    while (const std::size_t count = content.read(buffer.data(), buffer.size())) {
      if (in_memory_) bytes_.append(buffer.data(), count);
      if (!in_memory_) write_all(file.get(), {buffer.data(), count}, scratch_.string());
    }
  }

  void put(ostree::Tree& tree, const std::string& path, const FileMeta& meta) const {
    if (in_memory_) tree.put_file(path, meta, bytes_);
    if (!in_memory_) tree.put_file_from(path, meta, scratch_);
  }

 private:
  fs::path scratch_;
  bool in_memory_ = true;
  std::string bytes_;
};

// Who has a path of the tree.
struct Owner {
  std::string package;
  std::string user;
  std::string group;
  std::uint32_t mode = 0;
  std::string capabilities;
};

class Unpacker {
 public:
  Unpacker(ostree::Tree& tree, const fs::path& scratch, const std::optional<fs::path>& rpmdb, Events& events,
           const std::vector<std::string>& var_files)
      : tree_(tree),
        resolver_(tree),
        content_(scratch / "payload"),
        rpmdb_(rpmdb),
        events_(events),
        var_files_(var_files) {}

  void add(const fs::path& file) {
    rpm::PackageInfo info = rpm::read_package(file);
    package_ = rpm::to_text(info.nevra);
    var_ = what_of_var(info.nevra.name);
    std::map<std::size_t, std::string> regular;  // index -> path in the tree
    for (std::size_t index = 0; index < info.files.size(); ++index) {
      const std::string path = plan(info.files[index]);
      if (!path.empty() && S_ISREG(info.files[index].mode)) regular.emplace(index, path);
    }
    rpm::read_payload(file, info, [&](std::size_t index, rpm::FileContent& content) {
      const auto& packaged = info.files[index];
      if (packaged.hard_link_of.value_or(index) == index && S_ISREG(packaged.mode))
        content_.take(content, packaged.size_bytes);
      const auto path = regular.find(index);
      if (path != regular.end()) put_regular(path->second, packaged);
    });
    result_.packages.push_back(std::move(info));
  }

  Unpacked finish() {
    for (const auto& [path, owner] : owners_) {
      result_.paths.insert(path);
      if (owner.user == "root" && owner.group == "root") continue;
      result_.owned.push_back({path, owner.user, owner.group, owner.package});
    }
    const auto declared = declared_paths(tree_);
    for (const auto& [path, line] : tmpfiles_) {
      if (!declared.contains(path)) result_.tmpfiles.push_back(line.first);
    }
    std::sort(result_.tmpfiles.begin(), result_.tmpfiles.end());
    return std::move(result_);
  }

 private:
  VarFiles what_of_var(const std::string& name) const {
    const bool copied = std::any_of(var_files_.begin(), var_files_.end(), [&](const std::string& pattern) {
      return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
    return copied ? VarFiles::copy : VarFiles::refuse;
  }

  // Places a file; directories and links are put at once. Returns the path in the tree, or "" when it is not there.
  std::string plan(const rpm::PackageFile& file) {
    const Placement placement = place(file, package_, var_);
    if (!placement.tmpfiles.empty()) add_line(placement.tmpfiles);
    if (placement.path.empty()) return {};
    const std::string path = with_context(fmt::format("placing '{}' of {}", file.path, package_),
                                          [&] { return resolver_.resolve(placement.path); });
    if (!is_packaged_area(path)) refuse_area(file, path);
    if (path == "/usr") return {};
    if (S_ISDIR(file.mode)) put_directory(path, file);
    if (S_ISLNK(file.mode)) put_link(path, file);
    return path;
  }

  [[noreturn]] void refuse_area(const rpm::PackageFile& file, const std::string& path) const {
    throw Error(ErrorKind::input,
                fmt::format("package {} has '{}', which links of the tree lead to '{}', outside of what a commit has",
                            package_, file.path, path),
                "have the package ship the file where it is in the end, below /usr");
  }

  void add_line(const std::string& line) {
    const auto [known, added] = tmpfiles_.emplace(path_of_line(line), std::pair{line, package_});
    if (added || known->second.first == line) return;
    throw Error(ErrorKind::input,
                fmt::format("packages {} and {} want '{}' differently: '{}' and '{}'", known->second.second, package_,
                            known->first, known->second.first, line),
                "leave one of them out of [packages] install");
  }

  // What is there stays, and the package has it too, if both are the same; `after` is what the package puts there.
  void settle(const std::string& path, const rpm::PackageFile& file, const std::optional<Node>& before, bool same) {
    const Owner owner{package_, file.user, file.group, file.mode, file.capabilities};
    const auto [known, added] = owners_.emplace(path, owner);
    if (added && (!before || implied_.erase(path) > 0)) return;
    const Owner& other = known->second;
    same = same && other.user == owner.user && other.group == owner.group && other.mode == owner.mode &&
           other.capabilities == owner.capabilities;
    if (!same) conflict(path, file, added ? owner_in_base(path) : other.package);
  }

  [[noreturn]] void conflict(const std::string& path, const rpm::PackageFile& file, const std::string& other) const {
    throw Error(ErrorKind::input,
                fmt::format("'{}' of package {} is not the same in {}{}", file.path, package_, other,
                            path == file.path ? "" : fmt::format(" ('{}' in the tree)", path)),
                "two packages cannot have a path differently: leave one out, or name the base's package in "
                "[packages] remove or replace");
  }

  std::string owner_in_base(const std::string& path) const {
    if (!rpmdb_) return "the base";
    std::set<std::string> candidates{path};
    if (path.starts_with("/usr/")) candidates.insert(path.substr(4));  // /etc, and /bin by way of a link
    const auto owners = rpm::owners_of(*rpmdb_, candidates);
    return owners.empty() ? "the base" : fmt::format("{} of the base", rpm::to_text(owners.begin()->second.front()));
  }

  FileMeta meta_of(const rpm::PackageFile& file, const std::optional<Node>& before) const {
    FileMeta meta;
    meta.mode = file.mode;
    if (!file.capabilities.empty()) meta.xattrs["security.capability"] = rpm::capability_attribute(file.capabilities);
    if (!before) return meta;
    // By name it may be the same owner: numbers come with set_owners().
    if (file.user != "root") meta.uid = before->meta.uid;
    if (file.group != "root") meta.gid = before->meta.gid;
    const auto label = before->meta.xattrs.find("security.selinux");
    if (label != before->meta.xattrs.end()) meta.xattrs.insert(*label);
    return meta;
  }

  void check_kind(const std::string& path, const rpm::PackageFile& file, const std::optional<Node>& before,
                  NodeKind kind) const {
    if (!before || before->kind == kind) return;
    const auto other = owners_.find(path);
    conflict(path, file, other != owners_.end() ? other->second.package : owner_in_base(path));
  }

  // Parents that no package has yet are made as root:root 0755, until one that has them says otherwise.
  void note_parents(const std::string& path) {
    for (auto slash = path.rfind('/'); slash != 0 && slash != std::string::npos; slash = path.rfind('/', slash - 1)) {
      const std::string parent = path.substr(0, slash);
      if (tree_.lookup(parent)) return;
      implied_.insert(parent);
    }
  }

  void put_directory(const std::string& path, const rpm::PackageFile& file) {
    const auto before = tree_.lookup(path);
    check_kind(path, file, before, NodeKind::directory);
    const FileMeta meta = meta_of(file, before);
    const bool same =
        before && before->meta.mode == meta.mode && before->meta.uid == meta.uid && before->meta.gid == meta.gid;
    const bool implied = implied_.contains(path);
    note_parents(path);
    settle(path, file, before, same);
    if (!before || implied) tree_.put_directory(path, meta);
  }

  void put_link(const std::string& path, const rpm::PackageFile& file) {
    const auto before = tree_.lookup(path);
    check_kind(path, file, before, NodeKind::symlink);
    const FileMeta meta = meta_of(file, before);
    const bool same = before && before->symlink_target == file.link_target && before->meta.uid == meta.uid &&
                      before->meta.gid == meta.gid;
    note_parents(path);
    settle(path, file, before, same);
    if (!before) tree_.put_symlink(path, file.link_target, meta);
  }

  // Objects are compared by their checksum, which is over metadata and content.
  void put_regular(const std::string& path, const rpm::PackageFile& file) {
    const auto before = tree_.lookup(path);
    check_kind(path, file, before, NodeKind::file);
    if (before && file.noreplace && !owners_.contains(path)) {
      events_.note(fmt::format("{}: the base's '{}' stays", package_, path));
      return;
    }
    note_parents(path);
    content_.put(tree_, path, meta_of(file, before));
    settle(path, file, before, before && tree_.lookup(path)->checksum == before->checksum);
  }

  ostree::Tree& tree_;
  PathResolver resolver_;
  Content content_;
  const std::optional<fs::path>& rpmdb_;
  Events& events_;
  const std::vector<std::string>& var_files_;
  VarFiles var_ = VarFiles::refuse;  // of the package that is being added, as is the next
  std::string package_;
  std::map<std::string, Owner> owners_;
  std::set<std::string> implied_;
  std::map<std::string, std::pair<std::string, std::string>> tmpfiles_;  // path -> line, package
  Unpacked result_;
};

}  // namespace

Unpacked unpack(ostree::Tree& tree, const std::vector<fs::path>& packages_in_order, const fs::path& scratch,
                const std::optional<fs::path>& rpmdb, Events& events, const std::vector<std::string>& var_files) {
  Stage stage(events, "unpack", fmt::format("{} packages", packages_in_order.size()));
  Unpacker unpacker(tree, scratch, rpmdb, events, var_files);
  std::uint64_t done = 0;
  for (const auto& package : packages_in_order) {
    unpacker.add(package);
    stage.progress(++done, packages_in_order.size(), "packages");
  }
  Unpacked result = unpacker.finish();
  stage.finish(fmt::format("{} paths", result.paths.size()));
  return result;
}

std::string tmpfiles_text(const std::vector<std::string>& lines) {
  std::string text = "# Folders and links of packages that a commit cannot have (atomic-compose, tmpfiles.d(5)).\n";
  for (const auto& line : lines) text += line + "\n";
  return text;
}

}  // namespace compose::layers
