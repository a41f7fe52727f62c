#include "recipe/checks.hpp"

#include <catch2/catch.hpp>

using namespace compose::recipe;

TEST_CASE("a mode is four octal digits") {
  for (const char* mode : {"0755", "0644", "1777", "0400"}) CHECK_FALSE(problem_with_mode(mode));
  for (const char* mode : {"", "755", "0855", "0o755", "07555", "rwxr", "-755", "0000"}) CHECK(problem_with_mode(mode));
  CHECK(mode_of("1777") == 01777);
}

TEST_CASE("a unit has a whole name, escapes and all") {
  for (const char* unit : {"sshd.service", "getty@tty1.service", "dev-disk-by\\x2dlabel-root.mount"})
    CHECK_FALSE(problem_with_unit(unit));
  for (const char* unit : {"", "sshd", ".service", "sshd.", "a b.service", "a/b.service"})
    CHECK(problem_with_unit(unit));
}
