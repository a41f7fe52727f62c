#include "layers/packages/sysusers.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::layers {
namespace {

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
  throw Error(ErrorKind::input, fmt::format("{}: {}", place, why), "sysusers.d(5) describes the lines");
}

// Words, in quotation marks when there are blanks in them.
std::vector<std::string> split_words(const std::string& line, const std::string& place) {
  std::vector<std::string> words;
  std::istringstream text(line);
  while (text >> std::ws && text.peek() != EOF) {
    std::string word;
    const int quote = text.peek();
    if (quote == '"' || quote == '\'') {
      text.get();
      if (!std::getline(text, word, static_cast<char>(quote)) || text.eof())
        refuse(place, "a quotation mark is not closed");
    } else {
      text >> word;
    }
    words.push_back(std::move(word));
  }
  return words;
}

bool is_name(const std::string& name) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.'; };
  return !name.empty() && name.size() <= 31 && name[0] != '-' &&
         std::isdigit(static_cast<unsigned char>(name[0])) == 0 && std::all_of(name.begin(), name.end(), fits);
}

SysusersLine::Kind kind_of(const std::string& word, const std::string& place) {
  if (word == "u" || word == "u!") return SysusersLine::Kind::user;
  if (word == "g") return SysusersLine::Kind::group;
  if (word == "m") return SysusersLine::Kind::member;
  if (word == "r") return SysusersLine::Kind::range;
  refuse(place, fmt::format("'{}' is not a type of line: expected u, g, m or r", word));
}

bool has_colon(const std::string& text) { return text.find(':') != std::string::npos; }

SysusersLine parse_line(const std::vector<std::string>& words, const std::string& place) {
  const auto word = [&](std::size_t index) {
    return index < words.size() && words[index] != "-" ? words[index] : std::string();
  };
  SysusersLine line{kind_of(words[0], place), word(1), word(2), word(3), word(4), word(5), place};
  if (line.kind != SysusersLine::Kind::range && !is_name(line.name))
    refuse(place, fmt::format("'{}' is not the name of a user or group", line.name));
  if (line.kind == SysusersLine::Kind::member && !is_name(line.id))
    refuse(place, fmt::format("'{}' is not the name of a group", line.id));
  if (has_colon(line.comment) || has_colon(line.home) || has_colon(line.shell))
    refuse(place, "a description, home or shell cannot have a colon");
  if (line.id.empty()) line.id = "-";
  return line;
}

}  // namespace

std::vector<SysusersLine> parse_sysusers(const std::string& text, const std::string& file) {
  std::vector<SysusersLine> result;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::string place = fmt::format("{}:{}", file, ++number);
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') continue;
    result.push_back(parse_line(split_words(line, place), place));
  }
  return result;
}

}  // namespace compose::layers
