#include "recipe/diagnostics.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::recipe {

void Diagnostics::add(Diagnostic diagnostic) { all_.push_back(std::move(diagnostic)); }

std::string Diagnostics::text() const {
  std::vector<fs::path> files;
  const auto rank = [&files](const fs::path& file) { return std::find(files.begin(), files.end(), file); };
  for (const Diagnostic& one : all_) {
    if (rank(one.file) == files.end()) files.push_back(one.file);
  }
  std::vector<Diagnostic> sorted = all_;
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Diagnostic& a, const Diagnostic& b) {
    return std::make_tuple(rank(a.file), a.line, a.column) < std::make_tuple(rank(b.file), b.line, b.column);
  });
  std::string result;
  for (std::size_t i = 0; i < std::min(sorted.size(), kMostShown); ++i) {
    const Diagnostic& one = sorted[i];
    result += fmt::format("{}{}:{}:{}: {}", i == 0 ? "" : "\n", one.file.string(), one.line, one.column, one.message);
  }
  if (sorted.size() > kMostShown) result += fmt::format("\n… and {} more problems", sorted.size() - kMostShown);
  return result;
}

void Diagnostics::throw_if_any(const std::string& hint) const {
  if (!empty()) throw Error(ErrorKind::input, text(), hint);
}

std::string quoted(std::string_view value) {
  constexpr std::size_t kMostBytes = 80;
  std::string result = "'";
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto byte = static_cast<unsigned char>(value[i]);
    const bool starts_character = (byte & 0xC0U) != 0x80U;
    if (i >= kMostBytes && starts_character) return result + "…'";
    result += byte < 0x20 || byte == 0x7F ? fmt::format("\\x{:02x}", byte) : std::string(1, value[i]);
  }
  return result + "'";
}

}  // namespace compose::recipe
