#pragma once
// From a recipe's text to its values. recipes/README.md says what every key means.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/recipe.hpp"
#include "support/path.hpp"

namespace compose::recipe {

// What parsing needs to know about files. Paths are as relative as the recipe's own.
struct FileAccess {
  std::function<bool(const fs::path&)> is_file;  // anything that can be read, no folder
  std::function<bool(const fs::path&)> is_directory;
  std::function<std::string(const fs::path&)> read;               // throws Error(input)
  std::function<std::vector<std::string>(const fs::path&)> list;  // names in a folder, sorted; empty if none
  fs::path current_directory;                                     // absolute
};

// Those of this machine.
FileAccess real_files();

// Checks everything that can be known without network and returns the values, all paths absolute. Relative paths in a
// recipe are relative to the folder of the file they stand in. Files it includes, key files, the agent profile and
// overlays must exist; a local base repository, an agent image and a private signing key need not yet.
// Throws Error(input) with every problem on a line of its own ("FILE:LINE:COLUMN: …", FILE as relative as `file`).
Recipe parse(std::string_view text, const fs::path& file, const FileAccess& files);

// Reads `file` and parses it.
Recipe load(const fs::path& file);

}  // namespace compose::recipe
