// The demo's image, booted by the program itself: what a newcomer gets from `atomic-compose build` and `test`. Minutes,
// not seconds.

#include "boot/variant.hpp"

namespace compose::tests {
namespace {

TEST_CASE("the demo boots with UEFI from NVMe as on EC2, and its script of user data counts", "[boot]") {
  const auto report =
      boot_recipe("uefi", SOURCE_DIR "/recipes/demo.toml",
                  {"--firmware", "uefi", "--bus", "nvme", "--datasource", "ec2", "--user-data", "script"});
  REQUIRE(report.at("boots").size() == 1);
  check_boot(report.at("boots")[0], demo_checks);
  CHECK(check_named(report.at("boots")[0], "datasource").at("detail").get<std::string>().starts_with("'aws'"));
}

}  // namespace
}  // namespace compose::tests
