#include "boot/guest_report.hpp"

#include <catch2/catch.hpp>

using namespace compose::boot;
using std::chrono::milliseconds;

TEST_CASE("a guest's report is read boot by boot") {
  const auto boots = parse_guest_report(
      "begin 1 12.34\nfact agent true true host\nfact status * demo abc.0\nfact status   origin refspec: x\n"
      "log a line\nlog   indented\nend 1 20.00\nbegin 2 11.00\nfact agent false\n");
  REQUIRE(boots.size() == 2);
  CHECK(boots[0].number == 1);
  CHECK(boots[0].uptime_at_begin == milliseconds(12'340));
  CHECK(boots[0].complete);
  CHECK(boots[0].fact("agent") == "true true host");
  CHECK(boots[0].all("status") == std::vector<std::string>{"* demo abc.0", "origin refspec: x"});
  CHECK(boots[0].log == "a line\n  indented\n");
  CHECK(boots[1].number == 2);
  CHECK_FALSE(boots[1].complete);
  CHECK(boots[1].fact("agent") == "false");
}

TEST_CASE("a fact that was not reported is absent") {
  const auto boots = parse_guest_report("begin 1 1.00\n");
  CHECK_FALSE(boots.at(0).fact("agent"));
  CHECK(boots.at(0).all("agent").empty());
}

TEST_CASE("a line is read once it is complete") {
  CHECK(parse_guest_report("begin 1 1.00").empty());
  CHECK_FALSE(parse_guest_report("begin 1 1.00\nend 1 2.0").at(0).complete);
}

TEST_CASE("carriage returns, other text and facts before a begin are ignored") {
  const auto boots =
      parse_guest_report("login: \r\nfact early 1\r\nbegin 1 1.00\r\nnonsense\r\nfact x 1\r\nend 2 1\r\n");
  REQUIRE(boots.size() == 1);
  CHECK_FALSE(boots[0].fact("early"));
  CHECK(boots[0].fact("x") == "1");
  CHECK_FALSE(boots[0].complete);
}

TEST_CASE("numbers that are none read as zero") {
  const auto boots = parse_guest_report("begin x y\nbegin\nbegin 99999999999999999999 1.2.3\n");
  REQUIRE(boots.size() == 3);
  for (const auto& boot : boots) CHECK(boot.number == 0);
}
