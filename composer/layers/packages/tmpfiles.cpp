#include "layers/packages/tmpfiles.hpp"

#include <charconv>
#include <sstream>

namespace compose::layers {
namespace {

// Types of lines after which something is at the path.
bool creates(const std::string& type) {
  return !type.empty() && std::string_view("dDvqQLCfFpcb").find(type[0]) != std::string_view::npos;
}

std::string unescaped(const std::string& field) {
  std::string result;
  for (std::size_t at = 0; at < field.size(); ++at) {
    const char c = field[at];
    if (c == '"' || c == '\'') continue;
    unsigned value = 0;
    if (c == '\\' && field.compare(at + 1, 1, "x") == 0 && at + 4 <= field.size() &&
        std::from_chars(&field[at + 2], &field[at + 4], value, 16).ptr == &field[at + 4]) {
      result += static_cast<char>(value);
      at += 3;
    } else {
      result += c;
      if (c == '%' && field.compare(at + 1, 1, "%") == 0) ++at;
    }
  }
  return result;
}

std::string normalised(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.starts_with("/var/run/") ? path.substr(4) : path;
}

}  // namespace

std::string path_of_line(const std::string& line) {
  std::istringstream fields(line);
  std::string type;
  std::string path;
  fields >> type >> path;
  return creates(type) ? normalised(unescaped(path)) : "";
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
