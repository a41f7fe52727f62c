#include "support/size_text.hpp"

#include <limits>

#include <catch2/catch.hpp>

namespace compose {
namespace {

TEST_CASE("sizes are shown in the largest unit that they reach") {
  CHECK(size_text(0) == "0 B");
  CHECK(size_text(1023) == "1023 B");
  CHECK(size_text(1024) == "1.0 KiB");
  CHECK(size_text(1536) == "1.5 KiB");
  CHECK(size_text((1U << 20U) - 1) == "1.0 MiB");
  CHECK(size_text(1258291) == "1.2 MiB");
  CHECK(size_text(3ULL << 30U) == "3.0 GiB");
  CHECK(size_text(5000ULL << 40U) == "5000.0 TiB");
}

TEST_CASE("differences of sizes have a sign") {
  CHECK(signed_size_text(0) == "+0 B");
  CHECK(signed_size_text(-1536) == "-1.5 KiB");
  CHECK(signed_size_text(1258291) == "+1.2 MiB");
  CHECK(signed_size_text(std::numeric_limits<std::int64_t>::min()) == "-8388608.0 TiB");
}

}  // namespace
}  // namespace compose
