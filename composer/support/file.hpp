#pragma once
// Files: reading whole ones, and writing so that a reader sees the old one or the new one, never half.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose {

// The whole file. Throws Error(failed) when it cannot be read or is larger than `limit_bytes`.
std::string read_file(const fs::path& path, std::uint64_t limit_bytes = 64U << 20U);

// Opens with O_CLOEXEC added; throws Error(failed) naming the path.
Fd open_file(const fs::path& path, int flags, mode_t mode = 0644);

// Writes all of `data` at the descriptor's position / at `offset`. `name` is for the error text.
void write_all(int fd, std::span<const char> data, std::string_view name);
void write_all_at(int fd, std::span<const char> data, std::uint64_t offset, std::string_view name);

// Replaces `path` by `data` atomically and durably (temporary file beside it, fsync, rename).
void write_file_atomically(const fs::path& path, std::string_view data, mode_t mode = 0644);

// A file that appears under its name only when commit() is called; removed otherwise. The temporary name is
// ".NAME.partial" beside it: the next run overwrites what a killed one left.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path target, mode_t mode = 0644);
  // Begins with the file `start` of the same file system, which loses its own name by that. Throws Error(failed).
  AtomicFile(fs::path target, const fs::path& start);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  int fd() const noexcept { return fd_.get(); }
  const fs::path& temporary_path() const noexcept { return temporary_; }
  void commit();

 private:
  fs::path target_;
  fs::path temporary_;
  Fd fd_;
};

// Makes the empty file `to` a copy of `from`, holes included, sharing the blocks where the file system can. The names
// are for error texts. Throws Error(failed).
void copy_content(int from, int to, std::string_view from_name, std::string_view to_name);

// Removes what stands at `path`, if anything, a folder with all that is in it, also where its owner (we) has no right
// to read a folder: overlayfs leaves one of mode 000. Throws Error(failed).
void remove_tree(const fs::path& path);

// A new, empty, private directory below `parent`; removed with all its content on destruction.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const fs::path& parent, std::string_view prefix = "work-");
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

}  // namespace compose
