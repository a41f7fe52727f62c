#include "support/file.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"

namespace compose {

Fd open_file(const fs::path& path, int flags, mode_t mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) throw_errno((flags & O_ACCMODE) == O_RDONLY ? "reading" : "writing", path.string(), errno);
  return fd;
}

std::string read_file(const fs::path& path, std::uint64_t limit_bytes) {
  const Fd fd = open_file(path, O_RDONLY);
  std::string text;
  std::string buffer(64U << 10U, '\0');
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", path.string(), errno);
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > limit_bytes) {
      throw Error(ErrorKind::failed, fmt::format("reading '{}': larger than {} bytes", path.string(), limit_bytes));
    }
  }
}

void write_all(int fd, std::span<const char> data, std::string_view name) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("writing", name, errno);
    data = data.subspan(static_cast<std::size_t>(count));
  }
}

void write_all_at(int fd, std::span<const char> data, std::uint64_t offset, std::string_view name) {
  while (!data.empty()) {
    const ssize_t count = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("writing", name, errno);
    data = data.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

void write_file_atomically(const fs::path& path, std::string_view data, mode_t mode) {
  AtomicFile file(path, mode);
  write_all(file.fd(), data, path.string());
  file.commit();
}

AtomicFile::AtomicFile(fs::path target, mode_t mode)
    : target_(std::move(target)),
      temporary_(target_.parent_path() / fmt::format(".{}.partial", target_.filename().string())) {
  ::unlink(temporary_.c_str());
  fd_ = open_file(temporary_, O_RDWR | O_CREAT | O_EXCL, mode);
  if (::fchmod(fd_.get(), mode) != 0) throw_errno("setting the mode of", temporary_.string(), errno);
}

AtomicFile::AtomicFile(fs::path target, const fs::path& start)
    : target_(std::move(target)),
      temporary_(target_.parent_path() / fmt::format(".{}.partial", target_.filename().string())) {
  if (::rename(start.c_str(), temporary_.c_str()) != 0) throw_errno("renaming", start.string(), errno);
  fd_ = open_file(temporary_, O_RDWR);
}

AtomicFile::~AtomicFile() {
  if (fd_) ::unlink(temporary_.c_str());
}

void AtomicFile::commit() {
  if (::fsync(fd_.get()) != 0) throw_errno("writing", temporary_.string(), errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) throw_errno("renaming to", target_.string(), errno);
  fd_ = Fd();
}

namespace {

// At most `bytes` from one place to the same one; how many it were. -1 and errno, as system calls have it.
ssize_t copy_some(int from, int to, off_t at, std::size_t bytes) {
  off_t source = at;
  off_t target = at;
  const ssize_t copied = ::copy_file_range(from, &source, to, &target, bytes, 0);
  if (copied >= 0 || errno == ENOSPC || errno == EIO || errno == EDQUOT || errno == EINTR) return copied;
  std::string buffer(std::min<std::size_t>(bytes, 1U << 20U), '\0');  // this file system cannot
  const ssize_t count = ::pread(from, buffer.data(), buffer.size(), at);
  return count <= 0 ? count : ::pwrite(to, buffer.data(), static_cast<std::size_t>(count), at);
}

}  // namespace

void copy_content(int from, int to, std::string_view from_name, std::string_view to_name) {
  if (::ioctl(to, FICLONE, from) == 0) return;
  const off_t end = ::lseek(from, 0, SEEK_END);
  if (end < 0) throw_errno("reading", from_name, errno);
  if (::ftruncate(to, end) != 0) throw_errno("sizing", to_name, errno);
  for (off_t at = 0; at < end;) {
    at = ::lseek(from, at, SEEK_DATA);
    if (at < 0 && errno == ENXIO) return;
    const off_t hole = at < 0 ? at : ::lseek(from, at, SEEK_HOLE);
    if (hole < 0) throw_errno("reading", from_name, errno);
    while (at < hole) {
      const ssize_t count = copy_some(from, to, at, static_cast<std::size_t>(hole - at));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw_errno("writing", to_name, errno);
      if (count == 0) throw_errno("reading", from_name, EIO);
      at += count;
    }
  }
}

namespace {

void open_up_folders(const fs::path& folder) {
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) ::chmod(folder.c_str(), 0700);
  boost::system::error_code ignored;  // the removal says what is wrong
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    if (fs::is_directory(entry->symlink_status(ignored))) open_up_folders(entry->path());
  }
}

}  // namespace

void remove_tree(const fs::path& path) {
  boost::system::error_code error;
  fs::remove_all(path, error);
  if (!error) return;
  if (fs::is_directory(fs::symlink_status(path, error))) open_up_folders(path);
  fs::remove_all(path, error);
  if (error) throw_errno("removing", path.string(), error.value());
}

TemporaryDirectory::TemporaryDirectory(const fs::path& parent, std::string_view prefix) {
  boost::system::error_code error;
  fs::create_directories(parent, error);
  if (error) throw_errno("creating", parent.string(), error.value());
  std::string name = (parent / fmt::format("{}XXXXXX", prefix)).string();
  if (::mkdtemp(name.data()) == nullptr) throw_errno("creating a directory in", parent.string(), errno);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  try {
    remove_tree(path_);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): a leftover is removed by the next run
  }
}

}  // namespace compose
