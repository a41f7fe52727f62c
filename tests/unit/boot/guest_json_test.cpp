#include "boot/guest_json.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace compose::boot;

TEST_CASE("a guest's JSON is read, and refused when it is none or nests without end") {
  CHECK(parse_guest_json(R"({"a":[1,{"b":null}]})")["a"][1].contains("b"));
  CHECK(parse_guest_json("7") == 7);
  for (const char* text : {"", "{", "[1,]", "{\"a\":1} 2", "\xff"}) CHECK(parse_guest_json(text).is_discarded());
  const std::string deep(50, '[');
  CHECK_FALSE(parse_guest_json(deep + std::string(50, ']')).is_discarded());
  const std::string deeper(500'000, '[');
  CHECK(parse_guest_json(deeper + std::string(500'000, ']')).is_discarded());
  CHECK(parse_guest_json(deeper).is_discarded());
}
