#include "publish/folder_lock.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::publish {
namespace {

bool try_lock(int fd, int how, const fs::path& file) {
  while (::flock(fd, how) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw_errno("locking", file.string(), errno);
  }
  return true;
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder, Events& events) {
  boost::system::error_code error;
  fs::create_directories(folder, error);
  if (error) throw_errno("making the folder", folder.string(), error.value());
  const fs::path file = folder / ".publish.lock";
  file_ = open_file(file, O_RDWR | O_CREAT);
  if (try_lock(file_.get(), LOCK_EX | LOCK_NB, file)) return;
  events.note(fmt::format("somebody else publishes to '{}': waiting for them to end", folder.string()));
  try_lock(file_.get(), LOCK_EX, file);
}

}  // namespace compose::publish
