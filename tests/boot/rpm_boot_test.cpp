// The demo with its agent from an RPM: solved, unpacked, its scripts run, its files and ids in the commit; booted until
// it has registered and run a task. What the package brings is judged by the recipe's own [test]. Minutes, not seconds.

#include "boot/variant.hpp"

namespace compose::tests {
namespace {

TEST_CASE("the demo's agent as an RPM runs on the host itself, registers, and runs a task", "[boot]") {
  const auto report = boot_recipe("rpm", SOURCE_DIR "/recipes/demo-rpm.toml", {});
  REQUIRE(report.at("boots").size() == 1);
  const auto& boot = report.at("boots")[0];
  check_boot(boot, {"agent", "ordinary-container", "task", "ports", "directories", "assertion-10"});
  CHECK(check_named(boot, "agent")
            .at("detail")
            .get<std::string>()
            .find("unit 'ecs.service' is active, on the host itself") != std::string::npos);
}

}  // namespace
}  // namespace compose::tests
