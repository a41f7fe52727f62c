// A lock's text: the same for the same lock, whatever version of this program writes it.

#include <algorithm>

#include <fmt/format.h>

#include "lock/lock.hpp"
#include "recipe/checks.hpp"

namespace compose::lock {
namespace {

constexpr std::string_view kHeader =
    "# What `atomic-compose resolve` found for the recipe of this name; `build` uses exactly this.\n"
    "# Keep it with the recipe. To renew it: atomic-compose resolve RECIPE --update\n";

// Length of the UTF-8 sequence at `i`; 0 when there is no valid one. (A commit's metadata comes from elsewhere.)
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U; };
  const auto follows = [&](std::size_t k) { return (byte(k) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first < 0xF0 || first > 0xF4) return 0;
  const bool outside = (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return follows(1) && follows(2) && follows(3) && !outside ? 4 : 0;
}

// A TOML basic string. Bytes that are not UTF-8 become U+FFFD: the file must stay readable.
std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      result += "\xEF\xBF\xBD";
    } else if (byte < 0x20 || byte == 0x7F) {
      result += fmt::format("\\u{:04X}", byte);
    } else {
      if (byte == '"' || byte == '\\') result += '\\';
      result += text.substr(i, length);
    }
    i += length == 0 ? 1 : length;
  }
  return result + "\"";
}

// A key of a TOML table: bare where it may be.
std::string toml_key(const std::string& name) { return recipe::consists_of(name, "_-") ? name : toml_string(name); }

std::string removed_text(std::vector<std::string> removed) {
  if (removed.empty()) return {};
  std::sort(removed.begin(), removed.end());
  std::string text = "\n[packages]\nremoved = [\n";
  for (const std::string& nevra : removed) text += fmt::format("  {},\n", toml_string(nevra));
  return text + "]\n";
}

std::string ids_text(const std::string& kind, const std::map<std::string, std::uint32_t>& ids) {
  if (ids.empty()) return {};
  std::string text = fmt::format("\n[ids.{}]\n", kind);
  for (const auto& [name, number] : ids) text += fmt::format("{} = {}\n", toml_key(name), number);
  return text;
}

std::string packages_text(std::vector<Lock::Package> packages) {
  std::sort(packages.begin(), packages.end(), [](const auto& a, const auto& b) { return a.nevra < b.nevra; });
  std::string text;
  for (const auto& package : packages) {
    text += fmt::format("\n[[package]]\nnevra = {}\nrepo = {}\nlocation = {}\nsize = {}\nsha256 = {}\n",
                        toml_string(package.nevra), toml_string(package.repo), toml_string(package.location),
                        package.size_bytes, toml_string(package.sha256));
  }
  return text;
}

}  // namespace

std::string to_text(const Lock& lock) {
  std::string text = fmt::format("{}\n[base]\nref = {}\ncommit = {}\n", kHeader, toml_string(lock.base.ref),
                                 toml_string(lock.base.commit));
  if (!lock.base.version.empty()) text += fmt::format("version = {}\n", toml_string(lock.base.version));
  const char* heading = lock.agent_images.size() == 1 ? "[agent-image]" : "[[agent-image]]";
  for (const auto& image : lock.agent_images) {
    text +=
        fmt::format("\n{}\nimage = {}\ndigest = {}\n", heading, toml_string(image.image), toml_string(image.digest));
  }
  text += removed_text(lock.removed_packages);
  text += ids_text("users", lock.ids.users);
  text += ids_text("groups", lock.ids.groups);
  text += packages_text(lock.packages);
  return text;
}

}  // namespace compose::lock
