// broken/NAME.toml is a recipe with something wrong; broken/NAME.expected is all that a person is told about it. After
// a deliberate change of a text: UPDATE_GOLDEN=1 unit-recipe, and read every line of the difference.

#include <algorithm>
#include <cstdlib>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "recipes_on_disk.hpp"
#include "support/file.hpp"

namespace compose::recipe {
namespace {

const fs::path kFolder = fs::path(SOURCE_DIR) / "tests/unit/recipe/broken";

std::vector<fs::path> broken_recipes() {
  std::vector<fs::path> result;
  for (const fs::directory_entry& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".toml") result.push_back(entry.path());
  }
  std::sort(result.begin(), result.end());
  return result;
}

TEST_CASE("each broken recipe is explained with file, line, column and what to do") {
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;
  const std::vector<fs::path> recipes = broken_recipes();
  CHECK(recipes.size() >= 45);
  for (const fs::path& recipe : recipes) {
    INFO(recipe.filename().string());
    const std::string text = test::error_of(read_file(recipe), recipe.filename(), test::files_below(kFolder)) + "\n";
    const fs::path expected = fs::path(recipe).replace_extension(".expected");
    if (update) write_file_atomically(expected, text);
    REQUIRE(fs::exists(expected));
    CHECK(text == read_file(expected));
    CHECK(text != "\n");
  }
}

TEST_CASE("no golden error text is left without its recipe") {
  for (const fs::directory_entry& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".expected") continue;
    INFO(entry.path().filename().string());
    CHECK(fs::exists(fs::path(entry.path()).replace_extension(".toml")));
  }
}

}  // namespace
}  // namespace compose::recipe
