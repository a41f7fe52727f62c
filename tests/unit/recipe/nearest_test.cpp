#include "recipe/nearest.hpp"

#include <catch2/catch.hpp>

namespace compose::recipe {
namespace {

const std::vector<std::string> kKeys = {"name", "summary", "version", "ref", "formats"};

TEST_CASE("a letter added, dropped, changed or swapped is understood") {
  CHECK(nearest("nname", kKeys) == "name");
  CHECK(nearest("nme", kKeys) == "name");
  CHECK(nearest("nome", kKeys) == "name");
  CHECK(nearest("nmae", kKeys) == "name");
  CHECK(nearest("fromats", kKeys) == "formats");
  CHECK(nearest("sumary", kKeys) == "summary");
}

TEST_CASE("a word that is near nothing gets no suggestion") {
  CHECK_FALSE(nearest("colour", kKeys));
  CHECK_FALSE(nearest("x", kKeys));
  CHECK_FALSE(nearest("", kKeys));
  CHECK_FALSE(nearest("name", {}));
  CHECK_FALSE(nearest(std::string(100000, 'n'), kKeys));
}

TEST_CASE("of several near words the nearest wins, and the first of equals") {
  CHECK(nearest("formatt", {"form", "format", "formats"}) == "format");
  CHECK(nearest("bat", {"cat", "rat"}) == "cat");
}

}  // namespace
}  // namespace compose::recipe
