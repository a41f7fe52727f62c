#include "support/parallel.hpp"

#include <atomic>
#include <stdexcept>
#include <vector>

#include <catch2/catch.hpp>

namespace compose {
namespace {

TEST_CASE("every piece of work is done once, by however many threads") {
  for (const unsigned threads : {1U, 2U, 7U}) {
    std::vector<std::atomic<int>> done(1000);
    for_each_in_parallel(done.size(), threads, [&](std::size_t i) { ++done[i]; });
    for (const auto& count : done) REQUIRE(count == 1);
  }
  for_each_in_parallel(0, 2, [](std::size_t) { FAIL("there is nothing to do"); });
}

TEST_CASE("the first error of any thread reaches the caller, and ends the work") {
  std::atomic<std::size_t> started{0};
  const auto work = [&](std::size_t i) {
    ++started;
    if (i == 3) throw std::runtime_error("piece 3");
  };
  CHECK_THROWS_WITH(for_each_in_parallel(1U << 30U, 3, work), "piece 3");
  CHECK(started < 1U << 30U);
}

}  // namespace
}  // namespace compose
