#include "recipe/load.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "recipe/document.hpp"
#include "recipe/sections.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::recipe {
namespace {

// Reads a recipe with all that it includes into one document.
class Includer {
 public:
  Includer(const FileAccess& files, Diagnostics& diagnostics) : files_(files), diagnostics_(diagnostics) {}

  Document read(std::string_view text, const fs::path& file) {
    Document document = Document::parse(text, file, diagnostics_);
    open_.push_back(identity(file));
    seen_.insert(open_.back());
    Table root = document.root();
    const std::vector<std::string> names = root.strings("include");
    // From the last to the first: each one goes below all that is there already. A file that was included before is
    // below already, and a second time would change nothing but double its [[overlay]]s.
    for (std::size_t i = names.size(); i-- > 0;) {
      if (!names[i].empty()) include(document, root, i, root.resolve("include", names[i]));
    }
    document.remove("include");
    open_.pop_back();
    return document;
  }

 private:
  std::string identity(const fs::path& file) const { return absolute(file, files_).string(); }

  void include(Document& document, Table& root, std::size_t index, const fs::path& file) {
    if (std::find(open_.begin(), open_.end(), identity(file)) != open_.end()) {
      root.error("include", index, fmt::format("{} includes itself: {}", quoted(file.string()), chain(file)));
    } else if (!files_.is_file(file)) {
      root.error("include", index, fmt::format("no such recipe to include: looked for {}", quoted(file.string())));
    } else if (seen_.count(identity(file)) == 0) {
      document.include(read(files_.read(file), file), "base", {"remote", "repo"});
    }
  }

  std::string chain(const fs::path& file) const {
    std::string result;
    for (const std::string& name : open_) result += fs::path(name).filename().string() + " > ";
    return result + file.filename().string();
  }

  const FileAccess& files_;
  Diagnostics& diagnostics_;
  std::vector<std::string> open_;  // from the recipe to the file being read
  std::set<std::string> seen_;
};

std::string read_input(const fs::path& file) {
  try {
    return read_file(file, Document::kLargestBytes);
  } catch (const Error& error) {
    throw Error(ErrorKind::input, error.what(), error.hint());
  }
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  boost::system::error_code ignored;
  for (fs::directory_iterator entry(directory, ignored), end; entry != end; entry.increment(ignored)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

FileAccess real_files() {
  boost::system::error_code ignored;
  return {[](const fs::path& path) {
            boost::system::error_code error;
            return fs::exists(path, error) && !fs::is_directory(path, error);
          },
          [](const fs::path& path) {
            boost::system::error_code error;
            return fs::is_directory(path, error);
          },
          read_input, names_in, fs::current_path(ignored)};
}

Recipe parse(std::string_view text, const fs::path& file, const FileAccess& files) {
  Diagnostics diagnostics;
  Document document = Includer(files, diagnostics).read(text, file);
  diagnostics.throw_if_any();
  Recipe recipe = read_recipe(document.root(), files);
  recipe.file = absolute(file, files);
  diagnostics.throw_if_any();
  return recipe;
}

Recipe load(const fs::path& file) {
  const FileAccess files = real_files();
  // The lock goes beside the recipe under the same name; a recipe called *.lock would be overwritten.
  if (file.extension() != ".toml") {
    throw Error(ErrorKind::input, fmt::format("recipe '{}': a recipe's name ends in .toml", file.string()));
  }
  if (files.is_directory(file)) throw Error(ErrorKind::input, fmt::format("recipe '{}' is a folder", file.string()));
  if (!files.is_file(file)) throw Error(ErrorKind::input, fmt::format("there is no recipe '{}'", file.string()));
  return parse(files.read(file), file, files);
}

}  // namespace compose::recipe
