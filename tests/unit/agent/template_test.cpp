#include "agent/template.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

using namespace compose;
using agent::substitute;

namespace {

std::string failure(const std::string& text) {
  try {
    return substitute(text, {{"one", "1"}, {"two", "2"}}, "x/unit.service");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.explain();
  }
}

}  // namespace

TEST_CASE("names in double braces are replaced, single braces are text") {
  CHECK(substitute("a {{one}}{{two}} {b} }} {{one}}", {{"one", "1"}, {"two", "{{one}}"}}, "f") ==
        "a 1{{one}} {b} }} 1");
  CHECK(substitute("", {}, "f").empty());
}

TEST_CASE("an unknown name is an error with its place and the known names") {
  CHECK(failure("first\n  {{three}}\n") ==
        "error: x/unit.service:2:3: unknown name '{{three}}'\nhint: known names: one, two\n");
  CHECK(failure("{{one").find("x/unit.service:1:1: ") != std::string::npos);
  CHECK(failure("ok\n{{one\n}}").find("x/unit.service:2:1: ") != std::string::npos);
  CHECK(failure("{{.Id}}").find("unknown name '{{.Id}}'") != std::string::npos);
  CHECK(failure("{{").find("1:1") != std::string::npos);
}
