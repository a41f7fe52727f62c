// The demo with its agent from an RPM: solved, unpacked, its scripts run, its files and ids in the commit; booted until
// it has registered and run a task. What the package brings is judged by the recipe's own [test]. Minutes, not seconds.

#include "boot/variant.hpp"

namespace compose::tests {
namespace {

TEST_CASE("the demo's agent as an RPM runs on the host itself, registers, and runs a task", "[boot]") {
  const auto report = boot_recipe("rpm", SOURCE_DIR "/recipes/demo-rpm.toml", {});
  REQUIRE(report.at("boots").size() == 1);
  std::map<std::string, std::string> seen;
  for (const auto& check : report.at("boots")[0].at("checks")) {
    INFO(check.dump());
    CHECK(check.at("passed") == true);
    seen[check.at("name")] = check.at("detail");
  }
  for (const char* name :
       {"registered", "agent", "ordinary-container", "task", "ports", "directories", "assertion-10"}) {
    CAPTURE(name);
    CHECK(seen.count(name) == 1);
  }
  CHECK(seen["agent"].find("unit 'ecs.service' is active, on the host itself") != std::string::npos);
}

}  // namespace
}  // namespace compose::tests
