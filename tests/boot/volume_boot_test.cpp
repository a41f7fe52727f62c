// The demo with two more disks: a recipe's [[disk.volume]] from blank devices to a reboot. What is on them is judged in
// the guest, by tests/boot/volume. Minutes, not seconds.

#include <catch2/catch.hpp>

#include "support/program.hpp"

namespace compose::tests {
namespace {

using nlohmann::json;

constexpr const char* recipe = R"(
include = [")" SOURCE_DIR R"(/recipes/demo.toml"]

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
  const fs::path work = BUILD_DIR "/test-volume";
  fs::create_directories(work);
  write_file_atomically(work / "demo-volume.toml", recipe);
  const ProcessResult result =
      run({program, "test", (work / "demo-volume.toml").string(), "--second-deployment", "--json", "--workspace",
           BUILD_DIR "/test-workspace", "--out", work.string(), "--logs", (work / "logs").string()});
  INFO(result.err);
  const json report = json::parse(result.out, nullptr, false);
  REQUIRE(report.is_object());
  INFO(report.dump(2));
  CHECK(report.at("passed") == true);
  CHECK(report.at("boots").size() == 2);
  const std::string console = read_file(work / "logs/serial.log");
  CHECK(console.find("volume-check: first boot: all is well") != std::string::npos);
  CHECK(console.find("volume-check: second boot: all is well") != std::string::npos);
}

}  // namespace
}  // namespace compose::tests
