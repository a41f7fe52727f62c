#include "build/workspace.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>

#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::build {
namespace {

void make_directory(const fs::path& path) {
  boost::system::error_code error;
  fs::create_directories(path, error);
  if (error) throw_errno("making the workspace folder", path.string(), error.value());
}

void empty_directory(const fs::path& path) {
  for (fs::directory_iterator entry(path), end; entry != end; ++entry) remove_tree(entry->path());
}

}  // namespace

Workspace::Workspace(const fs::path& path) : path_(fs::absolute(path)) {
  for (const auto& folder : {path_, tmp(), cache(), disks()}) make_directory(folder);
  lock_ = open_file(path_ / "lock", O_RDWR | O_CREAT);
}

bool Workspace::try_lock() {
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK) throw_errno("locking", (path_ / "lock").string(), errno);
  return false;
}

void Workspace::wait_for_lock() {
  while (::flock(lock_.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw_errno("locking", (path_ / "lock").string(), errno);
  }
}

void Workspace::repair() {
  empty_directory(tmp());
  repository_ = std::make_unique<ostree::Repository>(ostree::Repository::open_or_create(path_ / "repo"));
}

void Workspace::clean() {
  empty_directory(tmp());
  repository_->remove_leftovers();
}

}  // namespace compose::build
