// The demo with BIOS, two more disks, and the agent without privileges: [[disk.volume]] from blank devices to a reboot,
// an agent that outlives its control plane, and a second deployment. What is on the volumes is judged in the guest, by
// tests/boot/volume. Minutes, not seconds.

#include "boot/variant.hpp"

namespace compose::tests {
namespace {

constexpr const char* recipe = R"(
[recipe]
name = "demo-bios"
ref  = "debian-atomic/12/x86_64/demo-bios"

[agent]
options = { privileged = false }

[[overlay]]
path = ")" SOURCE_DIR R"(/tests/boot/volume"

[[test.command]]
run = "docker inspect --format '{{.AppArmorProfile}}' ecs-agent | grep -qx ecs-agent-default"

[disk]
formats = ["raw"]

[[disk.volume]]
device = "/dev/xvdcz"
size   = "4 GiB"
use    = "container-storage"

[[disk.volume]]
device = "/dev/sdf"
size   = "2 GiB"
use    = "/var/lib/data"
)";

TEST_CASE("the demo boots with BIOS, its volumes are formatted and used by Docker, and all is kept over a reboot",
          "[boot]") {
  const auto report = boot_variant("bios", recipe, {"--second-deployment", "--restart-control-plane"});
  REQUIRE(report.at("boots").size() == 2);
  for (const auto& boot : report.at("boots")) check_boot(boot, demo_checks);
  check_named(report.at("boots")[0], "reconnected");
  check_named(report.at("boots")[1], "second-deployment");
  check_named(report.at("boots")[1], "kept-registration");
  CHECK(check_named(report.at("boots")[0], "agent").at("detail").get<std::string>().find("unprivileged") !=
        std::string::npos);
  const std::string console = read_file(fs::path(BUILD_DIR) / "test-bios/logs/serial.log");
  CHECK(console.find("volume-check: first boot: all is well") != std::string::npos);
  CHECK(console.find("volume-check: second boot: all is well") != std::string::npos);
}

}  // namespace
}  // namespace compose::tests
