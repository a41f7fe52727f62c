#include "publish/aws/surroundings.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::aws {

TEST_CASE("times are read as AWS writes them") {
  const auto time = parse_time("2024-05-06T07:08:09Z");
  REQUIRE(time);
  CHECK(std::chrono::system_clock::to_time_t(*time) == 1714979289);
  CHECK(parse_time("2024-05-06T07:08:09.123456Z") == time);
  CHECK(parse_time("2024-05-06T07:08:09+00:00") == time);
  CHECK(parse_time("2024-05-06T09:38:09+02:30") == time);
  CHECK(parse_time("2024-05-06T06:08:09-01:00") == time);
  CHECK(format_time(*time) == "2024-05-06T07:08:09Z");
  for (const char* text :
       {"", "now", "2024-05-06", "2024-05-06T07:08:09", "2024-05-06T07:08:09Zx", "2024-05-06T07:08:09+2"})
    CHECK_FALSE(parse_time(text));
}

TEST_CASE("an empty variable is an absent one") {
  const Environment environment{{"A", ""}, {"B", "b"}};
  CHECK_FALSE(find_variable(environment, "A"));
  CHECK_FALSE(find_variable(environment, "C"));
  CHECK(find_variable(environment, "B") == "b");
}

TEST_CASE("this process has an environment") { CHECK(process_environment().count("PATH") == 1); }

TEST_CASE("a wish to stop ends a sleep") {
  Cancel cancel;
  cancel.check();
  cancel.stop();
  real_timing().sleep(std::chrono::hours(1), cancel);
  CHECK_THROWS_AS(cancel.check(), Error);
}

TEST_CASE("chance is at least 0 and less than 1") {
  const Timing timing = real_timing();
  for (int round = 0; round < 1000; ++round) {
    const double value = timing.random();
    CHECK((value >= 0 && value < 1));
  }
}

}  // namespace compose::aws
