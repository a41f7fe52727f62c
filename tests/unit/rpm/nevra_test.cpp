#include "rpm/nevra.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::rpm {
namespace {

TEST_CASE("a NEVRA is read and written again, its epoch only when it is not 0") {
  const Nevra plain = parse_nevra("amazon-ecs-init-1.101.2-1.fc42.x86_64");
  CHECK(plain == Nevra{"amazon-ecs-init", "0", "1.101.2", "1.fc42", "x86_64"});
  CHECK(to_text(plain) == "amazon-ecs-init-1.101.2-1.fc42.x86_64");
  const Nevra epoch = parse_nevra("shadow-utils-2:4.17-1.x86_64");
  CHECK(epoch.epoch == "2");
  CHECK(to_text(epoch) == "shadow-utils-2:4.17-1.x86_64");
}

TEST_CASE("what is no NEVRA is refused") {
  for (const char* text : {"", "bash", "bash.x86_64", "bash-5.x86_64", "-5-1.x86_64"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_nevra(text), Error);
  }
}

TEST_CASE("the newer of two versions is the one that rpm says") {
  const auto order = [](const char* a, const char* b) { return compare_evr(parse_nevra(a), parse_nevra(b)); };
  CHECK(order("a-1.10-1.x", "a-1.9-1.x") > 0);
  CHECK(order("a-1:1-1.x", "a-2-1.x") > 0);
  CHECK(order("a-1~rc1-1.x", "a-1-1.x") < 0);
  CHECK(order("a-1-2.x", "a-1-2.x") == 0);
}

}  // namespace
}  // namespace compose::rpm
