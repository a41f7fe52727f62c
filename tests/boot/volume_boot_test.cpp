// The demo with two more disks: a recipe's [[disk.volume]] from blank devices to a reboot. What is on them is judged in
// the guest, by tests/boot/volume. Minutes, not seconds.

#include "boot/variant.hpp"

namespace compose::tests {
namespace {

constexpr const char* recipe = R"(
[recipe]
name = "demo-volume"
ref  = "debian-atomic/12/x86_64/demo-volume"

[[overlay]]
path = ")" SOURCE_DIR R"(/tests/boot/volume"

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

TEST_CASE("volumes are formatted and mounted before Docker starts, and kept over a reboot", "[boot]") {
  const auto report = boot_variant("volume", recipe, {"--second-deployment"});
  CHECK(report.at("boots").size() == 2);
  const std::string console = read_file(fs::path(BUILD_DIR) / "test-volume/logs/serial.log");
  CHECK(console.find("volume-check: first boot: all is well") != std::string::npos);
  CHECK(console.find("volume-check: second boot: all is well") != std::string::npos);
}

}  // namespace
}  // namespace compose::tests
