#pragma once
// Recipes of the tests, as if the folder `root` were the current one: error texts are then the same in every checkout.

#include <string>

#include "recipe/load.hpp"
#include "support/error.hpp"

namespace compose::recipe::test {

inline FileAccess files_below(const fs::path& root) {
  const FileAccess real = real_files();
  FileAccess files;
  files.is_file = [=](const fs::path& path) { return real.is_file(root / path); };
  files.is_directory = [=](const fs::path& path) { return real.is_directory(root / path); };
  files.read = [=](const fs::path& path) { return real.read(root / path); };
  files.list = [=](const fs::path& path) { return real.list(root / path); };
  files.current_directory = root;
  return files;
}

// The text of the input error that parsing ends with; "" when there is none.
inline std::string error_of(const std::string& text, const fs::path& file, const FileAccess& files) {
  try {
    parse(text, file, files);
    return "";
  } catch (const Error& error) {
    return error.kind() == ErrorKind::input ? error.what() : std::string("not an input error: ") + error.what();
  }
}

}  // namespace compose::recipe::test
