#include "layers/packages/tmpfiles.hpp"

#include <algorithm>
#include <sstream>
#include <string_view>

namespace compose::layers {
namespace {

// Types of lines after which something is at the path.
bool creates(const std::string& type) {
  return !type.empty() && std::string_view("dDvqQLCfFpcb").find(type[0]) != std::string_view::npos;
}

// Takes the next field off the front of `line`, without quotes, backslashes and doubled percent signs.
std::string take_field(std::string_view& line) {
  std::string result;
  char quote = 0;
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  for (; !line.empty(); line.remove_prefix(1)) {
    const char c = line.front();
    if (quote == 0 && (c == ' ' || c == '\t')) break;
    if (c == quote || (quote == 0 && (c == '"' || c == '\''))) {
      quote = quote == 0 ? c : '\0';
      continue;
    }
    if (line.size() > 1 && (c == '\\' || line.starts_with("%%"))) line.remove_prefix(1);
    result += line.front();
  }
  return result;
}

std::string normalised(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.starts_with("/var/run/") ? path.substr(4) : path;
}

}  // namespace

std::string path_of_line(const std::string& line) {
  std::string_view rest = line;
  const std::string type = take_field(rest);
  std::string path = take_field(rest);
  return creates(type) ? normalised(std::move(path)) : "";
}

std::set<std::string> declared_paths(const ostree::Tree& tree) {
  const std::string folder = "/usr/lib/tmpfiles.d";
  std::set<std::string> paths;
  for (const auto& [name, kind] : tree.list(folder)) {
    if (kind != ostree::NodeKind::file || !name.ends_with(".conf")) continue;
    std::istringstream lines(tree.read(folder + "/" + name));
    for (std::string line; std::getline(lines, line);) paths.insert(path_of_line(line));
  }
  paths.erase("");
  return paths;
}

}  // namespace compose::layers
