#pragma once
// Archives through libarchive: the only file that includes it is tar.cpp. Everything read here is hostile input.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "support/path.hpp"

namespace compose::oci {

// An archive that holds an image (oci-archive, docker-archive), unpacked: every regular file under a number of its own
// in `folder`, so that no member name is ever used as a path. Links are followed by name, inside the archive only.
class Members {
 public:
  void add_file(const std::string& name, fs::path file) { files_[name] = std::move(file); }
  void add_link(const std::string& name, std::string target) { links_[name] = std::move(target); }
  // Where the member's content is, or nothing.
  std::optional<fs::path> find(const std::string& name) const;

 private:
  std::map<std::string, fs::path> files_;
  std::map<std::string, std::string> links_;
};

// Unpacks `archive` (a tar, perhaps compressed with gzip or zstd) into the existing `folder`. Throws Error(input) when
// it is damaged, truncated, has a member name that leaves it, or holds more than `limit_bytes`.
Members unpack(const fs::path& archive, const fs::path& folder, std::uint64_t limit_bytes);

// The content of one member, or nothing when there is none (links are not followed). Throws Error(input) as above, and
// when it is larger than `limit_bytes`.
std::optional<std::string> read_member(const fs::path& archive, const std::string& member, std::uint64_t limit_bytes);

// Decompresses `file` (gzip, zstd or neither: what the bytes say, not a media type) into `target`; returns "sha256:…"
// of what was written. Throws Error(input) beginning with `name` when it is damaged, truncated, or larger than
// `limit_bytes` once decompressed.
std::string decompress(const fs::path& file, const fs::path& target, std::uint64_t limit_bytes,
                       const std::string& name);

// Checks every entry of an uncompressed layer: complete, no absolute or ".." name, no hard link to outside, nothing
// placed through a symbolic link that climbs out. Throws Error(input) beginning with `name` and naming the entry.
void check_layer(const fs::path& tar, const std::string& name);

// A file to be put into an archive.
struct TarFile {
  std::string name;     // at most 100 characters
  std::string content;  // unless `source` is set
  fs::path source;
};

// Writes a ustar archive to descriptor `fd`: the files in this order, mode 0644, owner 0:0, time 0. The bytes depend on
// names and contents alone.
void write_tar(int fd, const std::vector<TarFile>& files, const std::string& name);

}  // namespace compose::oci
