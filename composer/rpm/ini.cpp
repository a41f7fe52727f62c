#include "rpm/ini.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace compose::rpm {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

bool consists_of(std::string_view text, std::string_view punctuation) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           punctuation.find(c) != std::string_view::npos;
  });
}

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

// Takes one line after the other.
class IniParser {
 public:
  explicit IniParser(std::vector<IniProblem>& problems) : problems_(problems) {}

  void take(std::string_view line) {
    ++line_;
    const std::string_view content = trimmed(line);
    if (content.empty() || content[0] == '#' || content[0] == ';') return;
    if (has_control_characters(content)) return problem("a control character");
    if (kBlank.find(line[0]) != std::string_view::npos) return go_on(content);
    if (content[0] == '[') return begin_section(content);
    add_value(content);
  }

  std::vector<IniSection> sections;

 private:
  void problem(const std::string& message) {
    value_ = nullptr;
    problems_.push_back({line_, message});
  }

  void go_on(std::string_view content) {
    if (value_ == nullptr) return problem("the line begins with a space, but there is no value that it goes on with");
    value_->text += '\n';
    value_->text += content;
  }

  void begin_section(std::string_view content) {
    value_ = nullptr;
    std::string_view name = content.substr(1, content.find(']') - 1);
    if (name.size() + 2 != content.size() || !consists_of(name, "-_.:")) {
      name = {};
      problem(fmt::format("{} is not a section: expected [ID] of letters, digits, '-', '_', '.' and ':'",
                          printable(content)));
    }
    for (const IniSection& other : sections) {
      if (!name.empty() && other.name == name)
        problem(fmt::format("[{}] is there twice, first in line {}", other.name, other.line));
    }
    sections.push_back({std::string(name), line_, {}});
  }

  void add_value(std::string_view content) {
    const std::size_t equals = content.find('=');
    const std::string_view key = trimmed(content.substr(0, equals));
    if (equals == std::string_view::npos || !consists_of(key, "-_.")) {
      return problem(fmt::format("{} is neither [SECTION] nor KEY=VALUE", printable(content)));
    }
    if (sections.empty()) return problem(fmt::format("{} stands before any [SECTION]", printable(key)));
    const std::string value(trimmed(content.substr(equals + 1)));
    const auto [place, is_new] = sections.back().values.try_emplace(std::string(key), IniValue{value, line_});
    if (!is_new) return problem(fmt::format("'{}' is there twice, first in line {}", key, place->second.line));
    value_ = &place->second;
  }

  std::vector<IniProblem>& problems_;
  unsigned line_ = 0;
  IniValue* value_ = nullptr;  // the one that lines may go on with
};

}  // namespace

std::vector<IniSection> parse_ini(std::string_view text, std::vector<IniProblem>& problems) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  IniParser parser(problems);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    parser.take(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(parser.sections);
}

std::string printable(std::string_view value) {
  constexpr std::size_t most = 80;
  std::string result = "'";
  for (const char c : value.substr(0, most)) {
    const bool plain = c >= ' ' && c < 0x7F;
    result += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return result + (value.size() > most ? "…'" : "'");
}

}  // namespace compose::rpm
