#pragma once
// A chain of commits as plain values: what the repository (ostree/) knows and the disk writer (disk/) needs, so that
// neither has to know the other. Objects are listed once for the whole chain, in the order in which a walk meets them
// for the first time (base commit first; in a directory its own objects, its files by name, its directories by name):
// nothing depends on the order of a directory on the build host, and what a later commit adds comes later.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
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

// A regular file or symbolic link: an OSTree content object (objects/XX/REST.file).
struct FileObject {
  std::string checksum;  // 64 hexadecimal characters
  FileMeta meta;
  std::uint64_t size_bytes = 0;  // regular files
  std::string symlink_target;    // symbolic links
  std::size_t commit = 0;        // the first commit of the chain that has it
};

// A commit, commitmeta, dirtree or dirmeta object: stored in the image's repository as it is.
struct MetadataObject {
  std::string checksum;
  std::string extension;  // "commit", "commitmeta", "dirtree", "dirmeta"
  std::string bytes;
  std::size_t commit = 0;  // the first commit of the chain that has it
};

// A directory as its parent names it: indices into ChainContent.
struct Subdirectory {
  std::size_t tree = 0;
  std::size_t meta = 0;
};

// A dirtree object. Names are valid (no '/', not "." or "..", at most 255 bytes) and no name is in both maps.
struct DirectoryTree {
  std::size_t object = 0;                    // index into metadata
  std::map<std::string, std::size_t> files;  // name -> index into files
  std::map<std::string, Subdirectory> directories;
};

// A dirmeta object.
struct DirectoryMeta {
  std::size_t object = 0;  // index into metadata
  FileMeta meta;
};

struct Commit {
  std::string checksum;
  std::string version;  // metadata key "version", or empty
  Subdirectory root;
  std::size_t object = 0;               // index into metadata
  std::optional<std::size_t> detached;  // the commitmeta object (signatures)
};

struct ChainContent {
  fs::path repository;          // bare-user
  std::vector<Commit> commits;  // base first; the last one is what gets deployed
  std::vector<FileObject> files;
  std::vector<MetadataObject> metadata;
  std::vector<DirectoryTree> trees;
  std::vector<DirectoryMeta> metas;

  // Where the bytes of a regular file are.
  fs::path path_of(const FileObject& file) const {
    return repository / "objects" / file.checksum.substr(0, 2) / (file.checksum.substr(2) + ".file");
  }
};

}  // namespace compose
