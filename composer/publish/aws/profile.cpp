#include "publish/aws/profile.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::aws {
namespace {

constexpr std::string_view space = " \t\r";

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(space) - first + 1));
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// "[profile x]" is "profile x"; nothing where there is no ']'.
std::optional<std::string> section_name(const std::string& line) {
  const auto end = line.find(']');
  if (end == std::string::npos) return std::nullopt;
  std::string name = trimmed(std::string_view(line).substr(1, end - 1));
  constexpr std::string_view word = "profile";
  if (name.starts_with(word) && name.size() > word.size() && space.find(name[word.size()]) != std::string_view::npos) {
    name = "profile " + trimmed(std::string_view(name).substr(word.size()));
  }
  std::erase(name, '"');
  return name;
}

// " #" and " ;" begin a comment.
std::string without_comment(const std::string& value) {
  for (std::size_t at = 1; at < value.size(); ++at) {
    const bool is_mark = value[at] == '#' || value[at] == ';';
    if (is_mark && space.find(value[at - 1]) != std::string_view::npos) return trimmed(value.substr(0, at));
  }
  return value;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

// One word of a command line, from `at` on.
bool take_word(const std::string& command, std::size_t& at, std::string& word) {
  char quote = 0;
  for (; at < command.size(); ++at) {
    const char c = command[at];
    const bool is_escape = c == '\\' && quote != '\'' && at + 1 < command.size();
    if (is_escape && (quote == 0 || command[at + 1] == '"' || command[at + 1] == '\\')) {
      word += command[++at];
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      break;
    } else {
      word += c;
    }
  }
  return quote == 0;
}

}  // namespace

std::map<std::string, ProfileValues> parse_profiles(const std::string& text, const std::string& file) {
  std::map<std::string, ProfileValues> profiles;
  ProfileValues* section = nullptr;
  std::size_t number = 0;
  for (const std::string& line : lines_of(text)) {
    ++number;
    const std::string content = trimmed(line);
    if (content.empty() || content[0] == '#' || content[0] == ';') continue;
    const bool is_nested = line[0] == ' ' || line[0] == '\t';
    if (is_nested && section != nullptr) continue;
    const auto name = content[0] == '[' ? section_name(content) : std::nullopt;
    const auto equals = content.find('=');
    if (name) {
      section = &profiles[*name];
    } else if (section != nullptr && content[0] != '[' && equals != std::string::npos && equals > 0) {
      (*section)[lower_case(trimmed(content.substr(0, equals)))] = without_comment(trimmed(content.substr(equals + 1)));
    } else {
      throw Error(ErrorKind::input,
                  fmt::format("{}:{}: expected [SECTION], or KEY = VALUE in a section", file, number));
    }
  }
  return profiles;
}

std::optional<std::vector<std::string>> split_command(const std::string& command) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < command.size();) {
    if (command[at] == ' ' || command[at] == '\t' || command[at] == '\n') {
      ++at;
      continue;
    }
    std::string word;
    if (!take_word(command, at, word)) return std::nullopt;
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace compose::aws
