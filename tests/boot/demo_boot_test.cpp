// The demo's image, booted by the program itself: what a newcomer gets from `atomic-compose build` and `test`. Before
// it, `atomic-compose build recipes/demo.toml` has run with the workspace and output folder below. Minutes, not
// seconds.

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "support/path.hpp"
#include "support/process.hpp"

using namespace compose;
using nlohmann::json;

namespace {

// A variable of the environment, or what is usual.
std::string setting(const char* variable, const std::string& usual) {
  const char* value = std::getenv(variable);
  return value == nullptr ? usual : value;
}

struct Outcome {
  int exit_code = 0;
  json report;
  std::string err;
};

Outcome boot_demo(const std::vector<std::string>& options) {
  std::vector<std::string> command{BUILD_DIR "/atomic-compose",
                                   "test",
                                   setting("BOOT_TEST_RECIPE", SOURCE_DIR "/recipes/demo.toml"),
                                   "--workspace",
                                   setting("BOOT_TEST_WORKSPACE", SOURCE_DIR "/build/test-workspace"),
                                   "--out",
                                   setting("BOOT_TEST_OUT", SOURCE_DIR "/build/test-out"),
                                   "--json"};
  command.insert(command.end(), options.begin(), options.end());
  const ProcessResult result = run(command);
  UNSCOPED_INFO(result.err);
  UNSCOPED_INFO(result.out);
  const json report = json::parse(result.out, nullptr, false);
  REQUIRE(report.is_object());
  return {result.exit_code, report, result.err};
}

const json& check_named(const json& boot, const std::string& name) {
  for (const json& check : boot.at("checks")) {
    if (check.at("name") == name) return check;
  }
  FAIL("no check named " << name << " in " << boot.dump());
  throw std::logic_error("not reached");
}

void every_check_passed(const json& boot) {
  for (const json& check : boot.at("checks")) {
    INFO(check.dump());
    CHECK(check.at("passed") == true);
  }
  for (const char* name : {"registered", "deployment", "units", "ordering", "datasource", "agent", "directories",
                           "read-only", "grown", "ordinary-container", "task", "ports", "assertion-1", "assertion-5"}) {
    check_named(boot, name);
  }
  CHECK(boot.at("registration").is_object());
  CHECK(boot.at("registered_s").is_number());
}

}  // namespace

TEST_CASE("the demo boots with BIOS, registers, and its second deployment does so too", "[boot]") {
  const Outcome outcome = boot_demo({"--firmware", "bios", "--second-deployment", "--restart-control-plane"});
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.report.at("passed") == true);
  REQUIRE(outcome.report.at("boots").size() == 2);
  for (const json& boot : outcome.report.at("boots")) every_check_passed(boot);
  CHECK(check_named(outcome.report.at("boots")[0], "reconnected").at("passed") == true);
  CHECK(check_named(outcome.report.at("boots")[1], "second-deployment").at("passed") == true);
  CHECK(check_named(outcome.report.at("boots")[1], "kept-registration").at("passed") == true);
}

TEST_CASE("the demo boots with UEFI from NVMe as on EC2, and its script of user data counts", "[boot]") {
  const Outcome outcome =
      boot_demo({"--firmware", "uefi", "--bus", "nvme", "--datasource", "ec2", "--user-data", "script"});
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.report.at("passed") == true);
  REQUIRE(outcome.report.at("boots").size() == 1);
  every_check_passed(outcome.report.at("boots")[0]);
  CHECK(check_named(outcome.report.at("boots")[0], "datasource").at("detail").get<std::string>().starts_with("'aws'"));
}
