#include "lock/nevra_parts.hpp"

#include <catch2/catch.hpp>

namespace compose::lock {
namespace {

TEST_CASE("a NEVRA is taken apart at its last dashes and its last dot") {
  const auto parts = nevra_parts("python3.12-libs-2:3.12.0~rc1^git-1.fc42.x86_64");
  REQUIRE(parts);
  CHECK(parts->name == "python3.12-libs");
  CHECK(parts->evr == "2:3.12.0~rc1^git-1.fc42");
  CHECK(parts->arch == "x86_64");
  CHECK(parts->name_arch() == "python3.12-libs.x86_64");
}

TEST_CASE("what is no NEVRA has no parts") {
  for (const char* text : {"", ".", "-", "a", "a.x", "a-1.x", "-1-1.x", "a--1.x", "a-1-.x", "a-1-1.", "a-1-1",
                           "a b-1-1.x", "../a-1-1.x", "a-1-1.x/y"}) {
    INFO(text);
    CHECK_FALSE(nevra_parts(text));
  }
}

}  // namespace
}  // namespace compose::lock
