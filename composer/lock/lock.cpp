#include "lock/lock.hpp"

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "recipe/document.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::lock {
namespace {

using recipe::Diagnostics;
using recipe::Document;
using recipe::quoted;
using recipe::Table;

constexpr std::string_view kHeader =
    "# What `atomic-compose resolve` found for the recipe of this name; `build` uses exactly this.\n"
    "# Keep it with the recipe. To renew it: atomic-compose resolve RECIPE --update\n";

constexpr std::string_view kHint = "write the lock anew with `atomic-compose resolve RECIPE --update`";

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

std::optional<std::string> problem_with_commit(std::string_view value) {
  if (is_sha256_hex(value)) return std::nullopt;
  return fmt::format("{} is not a commit: expected 64 lower-case hexadecimal characters", quoted(value));
}

std::optional<std::string> problem_with_digest(std::string_view value) {
  constexpr std::string_view prefix = "sha256:";
  if (value.substr(0, prefix.size()) == prefix && is_sha256_hex(value.substr(prefix.size()))) return std::nullopt;
  return fmt::format("{} is not a digest: expected \"sha256:\" and 64 lower-case hexadecimal characters",
                     quoted(value));
}

Lock::Base read_base(Table table) {
  Lock::Base base;
  base.ref = table.required_string("ref", "the base's OSTree ref");
  base.commit = table.required_string("commit", "the base's commit", problem_with_commit);
  base.version = table.string("version").value_or("");
  table.finish();
  return base;
}

Lock::AgentImage read_agent_image(Table table) {
  Lock::AgentImage image;
  image.image = table.required_string("image", "the image as the recipe or the profile names it");
  image.digest = table.required_string("digest", "the image's digest", problem_with_digest);
  table.finish();
  return image;
}

}  // namespace

const Lock::AgentImage* find_image(const Lock& lock, std::string_view image) {
  for (const auto& known : lock.agent_images) {
    if (known.image == image) return &known;
  }
  return nullptr;
}

fs::path path_for(const fs::path& recipe_file) { return fs::path(recipe_file).replace_extension(".lock"); }

std::string to_text(const Lock& lock) {
  std::string text = fmt::format("{}\n[base]\nref = {}\ncommit = {}\n", kHeader, toml_string(lock.base.ref),
                                 toml_string(lock.base.commit));
  if (!lock.base.version.empty()) text += fmt::format("version = {}\n", toml_string(lock.base.version));
  const char* heading = lock.agent_images.size() == 1 ? "[agent-image]" : "[[agent-image]]";
  for (const auto& image : lock.agent_images) {
    text +=
        fmt::format("\n{}\nimage = {}\ndigest = {}\n", heading, toml_string(image.image), toml_string(image.digest));
  }
  return text;
}

Lock parse(std::string_view text, const fs::path& file) {
  Diagnostics diagnostics;
  Document document = Document::parse(text, file, diagnostics);
  diagnostics.throw_if_any(std::string(kHint));
  Lock lock;
  Table root = document.root();
  if (const auto base = root.required_table("base", "the base's pinned commit")) lock.base = read_base(*base);
  for (const Table& image : root.one_or_more("agent-image")) lock.agent_images.push_back(read_agent_image(image));
  root.finish();
  diagnostics.throw_if_any(std::string(kHint));
  return lock;
}

std::optional<Lock> load(const fs::path& recipe_file) {
  const fs::path file = path_for(recipe_file);
  if (!fs::exists(file)) return std::nullopt;
  return parse(read_file(file, Document::kLargestBytes), file);
}

void save(const fs::path& recipe_file, const Lock& lock) {
  write_file_atomically(path_for(recipe_file), to_text(lock));
}

std::string digest(const Lock& lock) { return sha256_hex(to_text(lock)); }

}  // namespace compose::lock
