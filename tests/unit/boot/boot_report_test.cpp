#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "boot/boot_test.hpp"

using namespace compose::boot;
using std::chrono::milliseconds;

namespace {

BootReport failed_report() {
  BootReport report;
  report.failure = "1 of 2 checks failed: units";
  report.accelerator = "tcg";
  report.total = milliseconds(70'123);
  report.guest_diagnosis = "docker.service failed\n";
  report.serial_tail = "login:\n";
  BootRun run;
  run.checks = {{"registered", true, "with cluster 'blue'"}, {"units", false, "failed: docker.service"}};
  run.times.kernel = milliseconds(4'200);
  run.times.registered = milliseconds(60'000);
  run.registration = R"({"cluster":"blue"})";
  report.boots.push_back(run);
  return report;
}

}  // namespace

TEST_CASE("a failed report tells people the checks, the guest's words, the console's end and the reason last") {
  CHECK(describe(failed_report()) == R"(boot 1:  kernel 4.2 s  registered 60.0 s
  ok     registered         with cluster 'blue'
  FAILED units              failed: docker.service
--- what the guest says ---
docker.service failed
--- the end of its console ---
login:
boot test failed: 1 of 2 checks failed: units
)");
}

TEST_CASE("a report's JSON has the checks, seconds, and the registration as it came") {
  const auto json = to_json(failed_report());
  CHECK(json["passed"] == false);
  CHECK(json["failure"] == "1 of 2 checks failed: units");
  CHECK(json["accelerator"] == "tcg");
  CHECK(json["total_s"] == 70.1);
  CHECK(json["boots"][0]["checks"][1]["name"] == "units");
  CHECK(json["boots"][0]["kernel_s"] == 4.2);
  CHECK(json["boots"][0]["userspace_s"].is_null());
  CHECK(json["boots"][0]["registration"]["cluster"] == "blue");
}

TEST_CASE("a registration that is no JSON is null in the report") {
  BootReport report = failed_report();
  report.boots[0].registration = "{";
  CHECK(to_json(report)["boots"][0]["registration"].is_null());
}
