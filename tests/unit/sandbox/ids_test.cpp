#include "sandbox/ids.hpp"

#include <catch2/catch.hpp>

using namespace compose::sandbox;

TEST_CASE("A user's range of subordinate ids is found by name or number, if system users fit in") {
  const std::string text =
      "# comment\nann:100000:65536\n1001:200000:65536\nsmall:300000:10\nbad:x:65536\nroot:0:65536\n";
  const auto ann = find_range(text, "ann", 1000);
  REQUIRE(ann);
  CHECK(ann->start == 100000);
  CHECK(ann->count == 65536);
  CHECK(find_range(text, "ben", 1001)->start == 200000);
  CHECK(find_range(text, "", 1001)->start == 200000);
  CHECK_FALSE(find_range(text, "small", 5));
  CHECK_FALSE(find_range(text, "bad", 5));
  CHECK_FALSE(find_range(text, "root", 0));
  CHECK_FALSE(find_range(text, "", 5));
}
