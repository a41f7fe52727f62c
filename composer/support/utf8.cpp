#include "support/utf8.hpp"

#include <cstdint>

namespace compose {
namespace {

// How many bytes follow the first one; -1 when none can.
int following(unsigned char first) {
  if (first < 0x80) return 0;
  if (first >= 0xC2 && first < 0xE0) return 1;
  if (first >= 0xE0 && first < 0xF0) return 2;
  if (first >= 0xF0 && first < 0xF5) return 3;
  return -1;
}

bool is_code_point(std::uint32_t value, int more) {
  if (more == 2) return value >= 0x800 && (value < 0xD800 || value > 0xDFFF);
  return more != 3 || (value >= 0x10000 && value <= 0x10FFFF);
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const int more = following(first);
    if (more < 0 || text.size() - at <= static_cast<std::size_t>(more)) return false;
    std::uint32_t value = more == 0 ? first : first & (0x3FU >> static_cast<unsigned>(more));
    for (int i = 1; i <= more; ++i) {
      const auto next = static_cast<unsigned char>(text[at + static_cast<std::size_t>(i)]);
      if ((next & 0xC0U) != 0x80U) return false;
      value = (value << 6U) | (next & 0x3FU);
    }
    if (!is_code_point(value, more)) return false;
    at += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

}  // namespace compose
