#pragma once
// One line for everything that makes up a file, the same for a tree on this machine (list-tree) and for one inside an
// image (ext4_reader.hpp), so that the two can be compared line by line.

#include <cstdint>
#include <map>
#include <string>

#include <fmt/format.h>

#include "support/digest.hpp"

namespace compose::tests {

struct Listed {
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t links = 0;
  std::uint64_t size_bytes = 0;  // not of directories
  std::string content;           // SHA-256 of a regular file, target of a symbolic link
  std::map<std::string, std::string> xattrs;
};

inline std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != '\\' && c != 0x7f;
    result += plain ? std::string(1, c) : fmt::format("\\{:02x}", static_cast<unsigned char>(c));
  }
  return result;
}

inline std::string line_of(const std::string& path, const Listed& entry) {
  std::string line = fmt::format("{} {:o} {}:{} links={} size={} {}", escaped(path), entry.mode, entry.uid, entry.gid,
                                 entry.links, entry.size_bytes, escaped(entry.content));
  for (const auto& [name, value] : entry.xattrs) line += fmt::format(" {}={}", escaped(name), sha256_hex(value));
  return line;
}

}  // namespace compose::tests
