#include "sandbox/changes.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"

namespace compose::sandbox {
namespace {

using Status = std::optional<struct stat>;

Status look(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return status;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw_errno("reading", path.string(), errno);
}

bool is_directory(const Status& status) { return status && S_ISDIR(status->st_mode); }

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (fs::directory_iterator entry(folder), end; entry != end; ++entry)
    names.insert(entry->path().filename().string());
  return names;
}

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

Change::Kind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return Change::Kind::file;
  if (S_ISLNK(mode)) return Change::Kind::symlink;
  return S_ISDIR(mode) ? Change::Kind::directory : Change::Kind::special;
}

Stamp stamp_of(const struct stat& status) { return {status.st_ino, status.st_ctim.tv_sec, status.st_ctim.tv_nsec}; }

// Owners may take the right to read from themselves; a folder's has to come back for as long as we are in it.
class Readable {
 public:
  Readable(const fs::path& path, mode_t mode, mode_t needed) : path_(path), mode_(mode & 07777U) {
    changed_ = ::geteuid() != 0 && (mode & needed) != needed;
    if (changed_ && ::chmod(path_.c_str(), mode_ | needed) != 0) throw_errno("reading", path_.string(), errno);
  }
  ~Readable() {
    if (changed_) ::chmod(path_.c_str(), mode_);
  }
  Readable(const Readable&) = delete;
  Readable& operator=(const Readable&) = delete;
  bool changed() const { return changed_; }

 private:
  fs::path path_;
  mode_t mode_;
  bool changed_ = false;
};

class Comparison {
 public:
  explicit Comparison(const Compared& compared) : compared_(compared) {}
  virtual ~Comparison() = default;

  std::vector<Change> run() {
    walk("", true);
    std::sort(changes_.begin(), changes_.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return std::move(changes_);
  }

 protected:
  // `has_lower`: what the tree has there is still part of the folder.
  virtual void walk(const std::string& folder, bool has_lower) = 0;

  void enter(const std::string& folder, const struct stat& status, bool has_lower) {
    const Readable guard(compared_.changed / folder, status.st_mode, 0700);
    closed_ += guard.changed() ? 1 : 0;
    walk(folder, has_lower);
    closed_ -= guard.changed() ? 1 : 0;
  }

  const Compared& compared() const { return compared_; }
  Status below(const std::string& path) const { return look(compared_.tree / path); }

  void removed(const std::string& path, const Status& lower) {
    if (!lower) return;
    Change change;
    change.path = "/" + path;
    change.kind = Change::Kind::removed;
    change.existed = true;
    changes_.push_back(std::move(change));
  }

  void changed(const std::string& path, const struct stat& now, const Status& lower) {
    Change change;
    change.path = "/" + path;
    change.kind = kind_of(now.st_mode);
    change.existed = lower.has_value();
    change.same_kind = lower && (lower->st_mode & S_IFMT) == (now.st_mode & S_IFMT);
    change.mode = now.st_mode & 07777U;
    change.mode_changed = change.same_kind && change.mode != (lower->st_mode & 07777U);
    set_owner(change, path, now, lower);
    const fs::path place = compared_.changed / path;
    if (change.kind == Change::Kind::symlink) change.symlink_target = fs::read_symlink(place).string();
    if (change.kind == Change::Kind::file) change.content = readable_content(place, now);
    changes_.push_back(std::move(change));
  }

  // Whether the folder itself differs: one that is only on the way to a change is no change.
  bool folder_differs(const std::string& path, const struct stat& now, const Status& lower) const {
    return !is_directory(lower) || (now.st_mode & 07777U) != (lower->st_mode & 07777U) ||
           owner_of(path, now) != owner_of(path, *lower);
  }

 private:
  std::pair<std::uint32_t, std::uint32_t> owner_of(const std::string& path, const struct stat& status) const {
    const auto known = compared_.owners.find(path);
    const bool ours = compared_.user_namespace && status.st_uid == ::geteuid() && status.st_gid == ::getegid();
    if (ours && known != compared_.owners.end()) return {known->second.uid, known->second.gid};
    return ours ? std::pair{0U, 0U} : std::pair{status.st_uid, status.st_gid};
  }

  void set_owner(Change& change, const std::string& path, const struct stat& now, const Status& lower) const {
    std::tie(change.uid, change.gid) = owner_of(path, now);
    const std::pair<std::uint32_t, std::uint32_t> before =
        lower ? std::pair{lower->st_uid, lower->st_gid} : std::pair{0U, 0U};
    const bool untouched =
        lower && now.st_uid == before.first && now.st_gid == before.second && !compared_.owners.contains(path);
    change.owner_changed = !untouched && (change.uid != 0 || change.gid != 0);
  }

  fs::path readable_content(const fs::path& place, const struct stat& now) {
    const Readable guard(place, now.st_mode, 0400);
    if (!guard.changed() && closed_ == 0) return place;
    fs::create_directories(compared_.spare);
    fs::path copy = compared_.spare / std::to_string(spares_++);
    fs::copy_file(place, copy, fs::copy_options::overwrite_existing);
    return copy;
  }

  const Compared& compared_;
  std::vector<Change> changes_;
  std::size_t spares_ = 0;
  int closed_ = 0;  // folders that we are in and may not stay in
};

class OverlayComparison final : public Comparison {
 public:
  using Comparison::Comparison;

 private:
  bool is_opaque(const fs::path& folder) const {
    const char* name = compared().user_namespace ? "user.overlay.opaque" : "trusted.overlay.opaque";
    char value = 0;
    return ::lgetxattr(folder.c_str(), name, &value, 1) == 1 && value == 'y';
  }

  void walk(const std::string& folder, bool has_lower) override {
    const fs::path place = compared().changed / folder;
    const std::set<std::string> names = names_in(place);
    for (const auto& name : names) visit(join(folder, name), has_lower);
    if (has_lower) return;
    // The folder was made anew: what it had and has not any more is gone.
    if (!is_directory(below(folder))) return;
    for (const auto& name : names_in(compared().tree / folder)) {
      if (!names.contains(name)) removed(join(folder, name), below(join(folder, name)));
    }
  }

  void visit(const std::string& path, bool has_lower) {
    const fs::path place = compared().changed / path;
    const auto now = look(place);
    if (!now) return;
    const Status lower = below(path);
    if (S_ISCHR(now->st_mode) && now->st_rdev == makedev(0, 0)) return removed(path, lower);
    if (!S_ISDIR(now->st_mode)) return changed(path, *now, lower);
    if (folder_differs(path, *now, lower)) changed(path, *now, lower);
    enter(path, *now, has_lower && is_directory(lower) && !is_opaque(place));
  }
};

class CopyComparison final : public Comparison {
 public:
  CopyComparison(const Compared& compared, const Snapshot& snapshot) : Comparison(compared), snapshot_(snapshot) {}

 private:
  void walk(const std::string& folder, bool has_lower) override {
    std::set<std::string> names = names_in(compared().changed / folder);
    for (const auto& name : names) visit(join(folder, name));
    if (folder.empty() || !has_lower) return;
    for (const auto& name : names_in(compared().tree / folder)) {
      if (!names.contains(name)) removed(join(folder, name), below(join(folder, name)));
    }
  }

  void visit(const std::string& path) {
    const fs::path place = compared().changed / path;
    const auto now = look(place);
    if (!now) return;
    const Status lower = below(path);
    if (S_ISDIR(now->st_mode)) {
      if (folder_differs(path, *now, lower)) changed(path, *now, lower);
      return enter(path, *now, is_directory(lower));
    }
    const auto before = snapshot_.find(path);
    if (before == snapshot_.end() || before->second != stamp_of(*now)) changed(path, *now, lower);
  }

  const Snapshot& snapshot_;
};

void stamp_all(const fs::path& folder, const std::string& path, Snapshot& snapshot) {
  for (const auto& name : names_in(folder / path)) {
    const std::string below = join(path, name);
    const auto status = look(folder / below);
    if (!status) continue;
    snapshot.emplace(below, stamp_of(*status));
    if (S_ISDIR(status->st_mode)) stamp_all(folder, below, snapshot);
  }
}

}  // namespace

std::vector<Change> changes_in_overlay(const Compared& compared) { return OverlayComparison(compared).run(); }

Snapshot take_snapshot(const fs::path& folder) {
  Snapshot snapshot;
  stamp_all(folder, "", snapshot);
  return snapshot;
}

std::vector<Change> changes_in_copy(const Compared& compared, const Snapshot& snapshot) {
  return CopyComparison(compared, snapshot).run();
}

}  // namespace compose::sandbox
