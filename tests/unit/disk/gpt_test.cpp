#include "disk/gpt.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::disk {
namespace {

constexpr std::uint64_t mib = 1U << 20U;

TEST_CASE("partitions follow each other on whole MiB and the root takes the rest") {
  const Geometry geometry = make_geometry(2048 * mib, 384 * mib, 100 * mib);
  CHECK(geometry.bios == Partition{mib, mib});
  CHECK(geometry.esp.offset_bytes == 2 * mib);
  CHECK(geometry.boot.offset_bytes == geometry.esp.offset_bytes + geometry.esp.size_bytes);
  CHECK(geometry.root.offset_bytes == geometry.boot.offset_bytes + 384 * mib);
  CHECK(geometry.root.offset_bytes + geometry.root.size_bytes == 2047 * mib);
}

TEST_CASE("a disk that is too small says what it would have to be") {
  CHECK_THROWS_WITH(make_geometry(600 * mib, 384 * mib, 1000 * mib), Catch::Contains("at least 1451 MiB"));
  CHECK_NOTHROW(make_geometry(1451 * mib, 384 * mib, 1000 * mib));
  CHECK_THROWS_AS(make_geometry(0, 384 * mib, 0), Error);
}

TEST_CASE("the automatic size is whole GiB and just enough") {
  const std::uint64_t size = smallest_disk(384 * mib, 1000 * mib);
  CHECK(size == 2048 * mib);
  CHECK_NOTHROW(make_geometry(size, 384 * mib, 1000 * mib));
  CHECK(smallest_disk(384 * mib, 500 * mib) == 1024 * mib);
}

}  // namespace
}  // namespace compose::disk
