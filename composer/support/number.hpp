#pragma once
// Numbers in text.

#include <charconv>
#include <optional>
#include <string_view>

namespace compose {

// The number that is the whole of `text`, with digits of `base` and no sign unless Number has one; nothing for anything
// else, or what Number cannot hold.
template <typename Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace compose
