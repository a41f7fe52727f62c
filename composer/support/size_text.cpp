#include "support/size_text.hpp"

#include <iterator>

#include <fmt/format.h>

namespace compose {

std::string size_text(std::uint64_t bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr double rounds_up = 1023.95;  // to 1024.0 of this unit, which is 1.0 of the next
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; unit + 1 < std::size(units) && amount >= rounds_up; ++unit) amount /= 1024;
  return fmt::format("{:.1f} {}", amount, units[unit]);
}

std::string signed_size_text(std::int64_t bytes) {
  const auto size = static_cast<std::uint64_t>(bytes);
  return bytes < 0 ? "-" + size_text(0 - size) : "+" + size_text(size);
}

}  // namespace compose
