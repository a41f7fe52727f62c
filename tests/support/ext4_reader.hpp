#pragma once
// Reads an ext4 file system inside an image with libext2fs: what a kernel would show, without a mount.

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <fmt/format.h>

#include "support/handle.hpp"
#include "support/listing.hpp"
#include "support/path.hpp"

namespace compose::tests {

class Ext4Reader {
 public:
  Ext4Reader(const fs::path& image, std::uint64_t offset_bytes) {
    ext2_filsys raw = nullptr;
    require(ext2fs_open2(image.c_str(), fmt::format("offset={}", offset_bytes).c_str(), EXT2_FLAG_64BITS, 0, 0,
                         unix_io_manager, &raw));
    fs_.reset(raw);
    require(ext2fs_read_bitmaps(raw));
  }

  ext2_filsys raw() const { return fs_.get(); }

  // path -> inode of everything below `directory`, which is "" itself; without lost+found.
  std::map<std::string, ext2_ino_t> walk(const std::string& directory) const {
    std::map<std::string, ext2_ino_t> paths;
    walk(lookup(directory), "", paths);
    return paths;
  }

  ext2_ino_t lookup(const std::string& path) const {
    ext2_ino_t inode = 0;
    require(ext2fs_namei(fs_.get(), EXT2_ROOT_INO, EXT2_ROOT_INO, path.c_str(), &inode));
    return inode;
  }

  ext2_inode inode(ext2_ino_t number) const {
    ext2_inode inode{};
    require(ext2fs_read_inode(fs_.get(), number, &inode));
    return inode;
  }

  Listed describe(ext2_ino_t number) const {
    const ext2_inode raw = inode(number);
    Listed entry{raw.i_mode, inode_uid(raw), inode_gid(raw), raw.i_links_count, 0, {}, xattrs(number)};
    if (!S_ISDIR(raw.i_mode)) entry.size_bytes = EXT2_I_SIZE(&raw);
    if (S_ISREG(raw.i_mode)) entry.content = hash(number);
    if (S_ISLNK(raw.i_mode)) entry.content = link_target(number, raw);
    return entry;
  }

  std::vector<std::string> list(const std::string& directory) const {
    std::vector<std::string> lines;
    for (const auto& [path, number] : walk(directory))
      lines.push_back(line_of(path.empty() ? "/" : path, describe(number)));
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  std::string read(ext2_ino_t number) const {
    std::string content;
    each_piece(number, [&](std::string_view piece) { content += piece; });
    return content;
  }
  std::string read(const std::string& path) const { return read(lookup(path)); }

  std::map<std::string, std::string> xattrs(ext2_ino_t number) const {
    std::map<std::string, std::string> result;
    ext2_xattr_handle* handle = nullptr;
    require(ext2fs_xattrs_open(fs_.get(), number, &handle));
    require(ext2fs_xattrs_read(handle));
    const auto collect = [](char* name, char* value, size_t length, void* data) {
      static_cast<std::map<std::string, std::string>*>(data)->emplace(name, std::string(value, length));
      return 0;
    };
    require(ext2fs_xattrs_iterate(handle, collect, &result));
    ext2fs_xattrs_close(&handle);
    return result;
  }

 private:
  static void require(errcode_t result) {
    if (result != 0) throw std::runtime_error(fmt::format("libext2fs error {}", result));
  }

  void walk(ext2_ino_t directory, const std::string& path, std::map<std::string, ext2_ino_t>& paths) const {
    paths[path] = directory;
    if (!S_ISDIR(inode(directory).i_mode)) return;
    std::vector<std::pair<std::string, ext2_ino_t>> children;
    const auto collect = [](ext2_dir_entry* entry, int, int, char*, void* data) {
      const std::string name(entry->name, static_cast<std::size_t>(ext2fs_dirent_name_len(entry)));
      if (name != "." && name != ".." && name != "lost+found") {
        static_cast<std::vector<std::pair<std::string, ext2_ino_t>>*>(data)->emplace_back(name, entry->inode);
      }
      return 0;
    };
    require(ext2fs_dir_iterate(fs_.get(), directory, 0, nullptr, collect, &children));
    for (const auto& [name, number] : children) walk(number, path + "/" + name, paths);
  }

  template <typename Use>
  void each_piece(ext2_ino_t number, Use use) const {
    ext2_file_t file = nullptr;
    require(ext2fs_file_open(fs_.get(), number, 0, &file));
    std::string buffer(1U << 20U, '\0');
    unsigned count = 0;
    do {
      require(ext2fs_file_read(file, buffer.data(), static_cast<unsigned>(buffer.size()), &count));
      use(std::string_view(buffer.data(), count));
    } while (count > 0);
    ext2fs_file_close(file);
  }

  std::string hash(ext2_ino_t number) const {
    Sha256 digest;
    each_piece(number, [&](std::string_view piece) { digest.update(piece); });
    return to_hex(digest.finish());
  }

  std::string link_target(ext2_ino_t number, const ext2_inode& raw) const {
    if (EXT2_I_SIZE(&raw) >= sizeof(raw.i_block)) return read(number);
    const void* target = raw.i_block;
    return {static_cast<const char*>(target), EXT2_I_SIZE(&raw)};
  }

  Handle<struct_ext2_filsys, ext2fs_free> fs_;
};

}  // namespace compose::tests
