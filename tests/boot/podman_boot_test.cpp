// The demo under podman, as on EC2, with tasks kept from the instance's metadata. Minutes, not seconds.

#include "boot/variant.hpp"

namespace compose::tests {
namespace {

constexpr const char* recipe = R"(
[recipe]
name = "demo-podman"
ref  = "debian-atomic/12/x86_64/demo-podman"

[agent]
runtime = "podman"
options = { block-instance-metadata = true }

[[test.command]]
run = "podman inspect --format '{{.AppArmorProfile}}' ecs-agent | grep -qx ecs-agent-default"

[disk]
formats = ["raw"]
)";

TEST_CASE("the demo boots with podman as on EC2, registers, runs a task, and keeps tasks from the metadata", "[boot]") {
  const auto report = boot_variant("podman", recipe, {"--datasource", "ec2"});
  REQUIRE(report.at("boots").size() == 1);
  check_boot(report.at("boots")[0], demo_checks);
  check_named(report.at("boots")[0], "metadata");
}

}  // namespace
}  // namespace compose::tests
