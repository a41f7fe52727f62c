#pragma once
// Compares large sparse files without reading their holes.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "support/file.hpp"

namespace compose::tests {

// Whether two files hold the same bytes; what the shorter one lacks counts as zeros.
inline bool same_content(const fs::path& first, const fs::path& second) {
  const Fd files[] = {open_file(first, O_RDONLY), open_file(second, O_RDONLY)};
  const auto next_data = [&](off_t from) {
    off_t next = -1;
    for (const Fd& file : files) {
      const off_t data = ::lseek(file.get(), from, SEEK_DATA);
      if (data >= 0) next = next < 0 ? data : std::min(next, data);
    }
    return next;
  };
  constexpr std::size_t piece = 64U << 10U;
  for (off_t at = next_data(0); at >= 0; at = next_data(at)) {
    at -= at % static_cast<off_t>(piece);
    std::vector<char> bytes[] = {std::vector<char>(piece), std::vector<char>(piece)};
    for (int i = 0; i < 2; ++i)
      if (::pread(files[i].get(), bytes[i].data(), piece, at) < 0) return false;
    if (bytes[0] != bytes[1]) return false;
    at += static_cast<off_t>(piece);
  }
  return true;
}

}  // namespace compose::tests
