#include "support/utf8.hpp"

#include <catch2/catch.hpp>

namespace compose {
namespace {

TEST_CASE("UTF-8 of every length is taken for what it is") {
  for (const char* text : {"", "plain", "\x7f", "Főtanúsítvány", "\xc2\x80", "\xe0\xa0\x80", "\xef\xbf\xbf",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CHECK(is_utf8(text));
  }
}

TEST_CASE("overlong, truncated and impossible forms are no UTF-8") {
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "x\xc3", "\xe2\x82", "\xe2\x28\xa1", "caf\xe9 au lait"}) {
    CHECK_FALSE(is_utf8(text));
  }
}

}  // namespace
}  // namespace compose
