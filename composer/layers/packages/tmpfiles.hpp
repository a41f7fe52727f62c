#pragma once
// Which paths a tree's own tmpfiles.d(5) makes.

#include <set>
#include <string>
#include <vector>

#include "ostree/tree.hpp"

namespace compose::layers {

// Paths that lines of /usr/lib/tmpfiles.d create, as written there without quotes and escapes ("/var/run" as "/run").
std::set<std::string> declared_paths(const ostree::Tree& tree);

// The second field of a line, likewise.
std::string path_of_line(const std::string& line);

}  // namespace compose::layers
