#pragma once
// A commit's content as plain values: what the repository (ostree/) knows and the disk writer (disk/) needs, so that
// neither has to know the other. Everything is sorted by name or checksum; nothing depends on directory order.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "support/path.hpp"

namespace compose {

// Name -> value, both as stored (names without a trailing NUL, "security.selinux" values with theirs).
using Xattrs = std::map<std::string, std::string>;

struct FileMeta {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mode = 0;  // with the file type bits, as in st_mode
  Xattrs xattrs;
};

// A regular file or symbolic link: an OSTree content object.
struct FileObject {
  std::string checksum;  // 64 hexadecimal characters: objects/XX/REST.file
  FileMeta meta;
  std::uint64_t size_bytes = 0;  // regular files
  std::string symlink_target;    // symbolic links
  fs::path content;              // regular files: where the bytes are (a bare-user repository's object)
};

// A commit, commitmeta, dirtree or dirmeta object: stored in the image's repository as it is.
struct MetadataObject {
  std::string checksum;
  std::string extension;  // "commit", "commitmeta", "dirtree", "dirmeta"
  std::string bytes;
};

struct Directory {
  FileMeta meta;
  std::map<std::string, std::size_t> files;        // name -> index into CommitContent::files
  std::map<std::string, std::size_t> directories;  // name -> index into CommitContent::directories
};

struct CommitContent {
  std::string checksum;
  std::vector<Directory> directories;  // [0] is the root; one for each place in the tree, parents before children
  std::vector<FileObject> files;       // one for each distinct object, sorted by checksum
  std::vector<MetadataObject> metadata;  // sorted by (checksum, extension)
};

}  // namespace compose
