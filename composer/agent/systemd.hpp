#pragma once
// What a host's systemd reads from the tree, as far as the contract asks: tmpfiles.d(5), systemd.preset(5),
// sysctl.d(5), unit files (systemd.unit(5)).

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/host_tree.hpp"

namespace compose::agent {

inline constexpr std::string_view kUnitFolder = "/usr/lib/systemd/system/";

std::vector<std::string> lines_of(const std::string& text);
std::vector<std::string> words_of(const std::string& line);

// One line of a tmpfiles.d file, without comments.
struct TmpfilesLine {
  char type = 0;  // without modifiers: "L+" is 'L'
  std::string path;
  std::string user;  // empty when the line does not say, as is group
  std::string group;
  std::string argument;

  // Lines that clean, change or ignore paths.
  bool makes_nothing() const { return std::string_view("fFdDvqQpLcbCw").find(type) == std::string_view::npos; }
};

std::vector<TmpfilesLine> tmpfiles_lines(const std::string& text);

struct PresetRule {
  bool enable = false;
  std::string pattern;
  std::string file;
};

// In the order in which they count.
std::vector<PresetRule> preset_rules(const HostTree& host);
// The one that decides about a unit. None: systemd enables it.
std::optional<PresetRule> preset_of(const std::vector<PresetRule>& rules, const std::string& unit);

struct Unit {
  std::string path;
  bool masked = false;
  std::string text;
};

// The unit's file as systemd finds it: /etc before /usr/lib, a template for its instances.
std::optional<Unit> find_unit(const HostTree& host, const std::string& name);

// The values of all "KEY=" lines of a unit.
std::vector<std::string> values_of(const std::string& unit_text, std::string_view key);
bool can_be_enabled(const std::string& unit_text);  // has an [Install] section

// A kernel setting as the sysctl.d files make it.
struct SysctlValue {
  std::string value;
  std::string file;
};

// By key, written with dots. Of two files the later one counts; patterns are left out, because what names a key counts
// more.
std::map<std::string, SysctlValue> sysctl_values(const HostTree& host);

}  // namespace compose::agent
