#include "rpm/repo_section.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/filesystem/operations.hpp>

#include "support/number.hpp"

namespace compose::rpm {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

std::vector<std::string> split_list(std::string_view text) {
  constexpr std::string_view separators = " \t\n,";
  std::vector<std::string> items;
  for (std::size_t begin = text.find_first_not_of(separators); begin != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    items.emplace_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(separators, end);
  }
  return items;
}

// $NAME or ${NAME} at a place of a text.
struct Variable {
  std::string name;        // empty: there is none
  std::size_t length = 1;  // of all of it
};

Variable variable_at(std::string_view text, std::size_t at) {
  if (text[at] != '$') return {};
  const bool braces = text.substr(at + 1).starts_with('{');
  const std::size_t begin = at + (braces ? 2 : 1);
  std::size_t end = begin;
  while (end < text.size() && is_word(text[end])) ++end;
  if (end == begin || (braces && !text.substr(end).starts_with('}'))) return {};
  return {std::string(text.substr(begin, end - begin)), end - at + (braces ? 1 : 0)};
}

// RFC 8089.
std::string file_url(const fs::path& path) {
  std::string url = "file://";
  for (const char c : path.string()) {
    const bool plain = is_word(c) || std::string_view("/.-~+:@=,;!()&'$*").find(c) != std::string_view::npos;
    url += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return url;
}

bool is_path(std::string_view text) { return text.find("://") == std::string_view::npos; }

}  // namespace

bool RepoSection::has(const std::string& key) const { return !value(key).empty(); }

std::string RepoSection::value(const std::string& key) const {
  const auto found = section_.values.find(key);
  return found == section_.values.end() ? "" : found->second.text;
}

bool RepoSection::boolean(const std::string& key, bool fallback) {
  if (!has(key)) return fallback;
  const std::string word = boost::algorithm::to_lower_copy(value(key));
  if (is_one_of(word, {"1", "yes", "true", "on"})) return true;
  if (!is_one_of(word, {"0", "no", "false", "off"})) {
    problem(key, fmt::format("{} is neither 1 nor 0", printable(value(key))));
  }
  return false;
}

int RepoSection::number(const std::string& key, int fallback) {
  constexpr int most = 1000000;
  if (!has(key)) return fallback;
  const std::string word = value(key);
  const auto result = parse_number<int>(word);
  if (result && *result >= 0 && *result <= most) return *result;
  problem(key, fmt::format("{} is not a number from 0 to {}", printable(word), most));
  return fallback;
}

std::string RepoSection::text(const std::string& key) { return expand(key, value(key), Unknown::keep); }

std::vector<std::string> RepoSection::list(const std::string& key) { return split_list(value(key)); }

std::vector<std::string> RepoSection::urls_or_paths(const std::string& key) {
  std::vector<std::string> result;
  for (const std::string& item : split_list(value(key))) {
    const std::string url = expand(key, item, Unknown::report);
    if (is_path(url)) {
      result.push_back(absolute(url).string());
    } else if (const auto wrong = problem_with_url(url)) {
      problem(key, *wrong);
    } else {
      result.push_back(url);
    }
  }
  return result;
}

std::vector<std::string> RepoSection::urls(const std::string& key) {
  std::vector<std::string> result = urls_or_paths(key);
  for (std::string& url : result) {
    if (is_path(url)) url = file_url(url);
  }
  return result;
}

std::string RepoSection::url(const std::string& key) {
  const std::vector<std::string> all = urls(key);
  if (all.size() > 1) problem(key, fmt::format("one URL is expected, there are {}", all.size()));
  return all.empty() ? "" : all.front();
}

void RepoSection::problem(const std::string& message) {
  problems_.push_back({section_.line, fmt::format("[{}] {}", section_.name, message)});
}

void RepoSection::problem(const std::string& key, const std::string& message) {
  problems_.push_back({section_.values.at(key).line, fmt::format("[{}] {}: {}", section_.name, key, message)});
}

std::string RepoSection::expand(const std::string& key, std::string_view text, Unknown unknown) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const Variable variable = variable_at(text, i);
    const auto known = variable.name.empty() ? variables_.end() : variables_.find(variable.name);
    if (!variable.name.empty() && known == variables_.end() && unknown == Unknown::report) {
      problem(key, fmt::format("unknown variable '${}': write what it stands for", variable.name));
    }
    result += known == variables_.end() ? std::string(text.substr(i, variable.length)) : known->second;
    i += variable.length;
  }
  return result;
}

std::optional<std::string> RepoSection::problem_with_url(std::string_view url) const {
  const std::size_t colon = url.find("://");
  const std::string_view scheme = url.substr(0, colon);
  const std::string_view rest = url.substr(colon + 3);
  const std::string_view host = rest.substr(0, rest.find('/'));
  if (!is_one_of(scheme, {"http", "https", "file"})) {
    return fmt::format("{} begins with none of http://, https:// and file://", printable(url));
  }
  if (host.find('@') != std::string_view::npos) return "a URL here must not hold a user name or a password";
  if (scheme == "file" && !rest.starts_with('/')) return fmt::format("{} is not file:///PATH", printable(url));
  if (scheme != "file" && host.empty()) return fmt::format("{} names no host", printable(url));
  if (is_printable_ascii(url)) return std::nullopt;
  return fmt::format("{} is not a URL: characters that are not ASCII are written as %XX", printable(url));
}

fs::path RepoSection::absolute(const std::string& path) const {
  const fs::path whole = fs::path(path).is_absolute() ? fs::path(path) : fs::absolute(file_.parent_path() / path);
  return whole.lexically_normal();
}

}  // namespace compose::rpm
