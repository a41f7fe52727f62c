#include "agent/systemd.hpp"

#include <algorithm>

#include <fnmatch.h>

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/algorithm/string/trim.hpp>

namespace compose::agent {
namespace {

using boost::algorithm::trim_copy;

void read_sysctls(const std::string& text, const std::string& file, std::map<std::string, SysctlValue>& values) {
  for (const std::string& line : lines_of(text)) {
    const std::size_t equals = line.find('=');
    std::string key = trim_copy(line.substr(0, equals));
    if (key.empty() || key.front() == '#' || key.front() == ';' || equals == std::string::npos) continue;
    if (key.front() == '-') key.erase(0, 1);
    if (key.find_first_of("*?[") != std::string::npos) continue;
    boost::algorithm::replace_all(key, "/", ".");
    values[key] = {trim_copy(line.substr(equals + 1)), file};
  }
}

// "name@instance.service" -> "name@.service"; nothing when it is no instance.
std::optional<std::string> template_of(const std::string& name) {
  const std::size_t at = name.find('@');
  const std::size_t dot = name.rfind('.');
  if (at == std::string::npos || dot == std::string::npos || dot <= at + 1) return std::nullopt;
  return name.substr(0, at + 1) + name.substr(dot);
}

}  // namespace

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  boost::algorithm::split(lines, text, boost::algorithm::is_any_of("\n"));
  return lines;
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  boost::algorithm::split(words, line, boost::algorithm::is_any_of(" \t\r"), boost::algorithm::token_compress_on);
  words.erase(std::remove(words.begin(), words.end(), ""), words.end());
  return words;
}

std::vector<TmpfilesLine> tmpfiles_lines(const std::string& text) {
  std::vector<TmpfilesLine> lines;
  for (const std::string& line : lines_of(text)) {
    const auto words = words_of(line);
    if (words.size() < 2 || words[0].starts_with('#')) continue;
    const auto word = [&](std::size_t at) { return at < words.size() && words[at] != "-" ? words[at] : std::string(); };
    TmpfilesLine entry{words[0].front(), words[1], word(3), word(4), word(6)};
    while (entry.path.size() > 1 && entry.path.ends_with('/')) entry.path.pop_back();
    lines.push_back(std::move(entry));
  }
  return lines;
}

std::vector<PresetRule> preset_rules(const HostTree& host) {
  std::vector<PresetRule> rules;
  for (const std::string& file : host.configuration_files("systemd/system-preset", ".preset")) {
    for (const std::string& line : lines_of(host.text(file))) {
      const auto words = words_of(line);
      if (words.size() >= 2 && (words[0] == "enable" || words[0] == "disable"))
        rules.push_back({words[0] == "enable", words[1], file});
    }
  }
  return rules;
}

std::optional<PresetRule> preset_of(const std::vector<PresetRule>& rules, const std::string& unit) {
  for (const PresetRule& rule : rules) {
    if (::fnmatch(rule.pattern.c_str(), unit.c_str(), FNM_NOESCAPE) == 0) return rule;
  }
  return std::nullopt;
}

std::optional<Unit> find_unit(const HostTree& host, const std::string& name) {
  for (const std::string folder : {"/etc/systemd/system/", "/usr/lib/systemd/system/"}) {
    const std::string path = folder + name;
    const Place place = host.resolve(path);
    if (place.path == "/dev/null") return Unit{path, true, ""};
    if (place.entry.kind != TreeEntry::Kind::file) continue;
    const std::string text = host.text(path);
    return Unit{path, text.empty(), text};
  }
  const auto from = template_of(name);
  return from ? find_unit(host, *from) : std::nullopt;
}

std::vector<std::string> values_of(const std::string& unit_text, std::string_view key) {
  std::vector<std::string> values;
  for (const std::string& line : lines_of(unit_text)) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos && trim_copy(line.substr(0, equals)) == key)
      values.push_back(trim_copy(line.substr(equals + 1)));
  }
  return values;
}

bool can_be_enabled(const std::string& unit_text) {
  const auto lines = lines_of(unit_text);
  return std::any_of(lines.begin(), lines.end(),
                     [](const std::string& line) { return trim_copy(line) == "[Install]"; });
}

std::map<std::string, SysctlValue> sysctl_values(const HostTree& host) {
  std::map<std::string, SysctlValue> values;
  for (const std::string& file : host.configuration_files("sysctl.d", ".conf"))
    read_sysctls(host.text(file), file, values);
  return values;
}

}  // namespace compose::agent
