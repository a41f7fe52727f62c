#include "boot/boot_test.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

using namespace compose;
using namespace compose::boot;

namespace {

struct Setting {
  TemporaryDirectory directory{fs::temp_directory_path(), "boot-test-"};
  std::unique_ptr<Events> events = make_null_events();
  BootTest test;

  Setting() {
    test.disk = directory.path() / "disk.raw";
    test.log_directory = directory.path() / "logs";
    write_file_atomically(test.disk, std::string(1U << 20U, '\0'));
  }

  void refused(const std::string& words) const {
    try {
      run_boot_test(test, *events);
      FAIL("nothing was thrown");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::input);
      CHECK_THAT(error.what(), Catch::Contains(words));
    }
  }
};

}  // namespace

TEST_CASE("a test that cannot be run is refused before anything starts") {
  Setting setting;
  SECTION("no image") {
    fs::remove(setting.test.disk);
    setting.refused("there is no disk image");
  }
  SECTION("another format") {
    setting.test.format = "vmdk";
    setting.refused("only raw and qcow2");
  }
  SECTION("no time") {
    setting.test.timeout = std::chrono::seconds(0);
    setting.refused("time limit");
  }
  SECTION("a second deployment of nothing") {
    setting.test.second_deployment = true;
    setting.refused("commit or the ref");
  }
  SECTION("an upgrade beside a second deployment") {
    setting.test.second_deployment = true;
    setting.test.ref = "demo/x86_64";
    setting.test.upgrade = Upgrade{"hosts", setting.test.disk.parent_path(), std::string(64, 'e'), {}};
    setting.refused("choose one");
  }
  SECTION("an upgrade from nowhere") {
    setting.test.upgrade = Upgrade();
    setting.refused("name of the host's remote");
  }
  SECTION("a disk smaller than its image") {
    setting.test.disk_size_bytes = 512 * 1024;
    setting.refused("cannot hold the image");
  }
  CHECK_FALSE(fs::exists(setting.test.log_directory));
}

TEST_CASE("an empty disk's boot fails in seconds, saying that there is nothing to boot, and is left unchanged") {
  Setting setting;
  setting.test.cluster = "blue";
  const auto report = run_boot_test(setting.test, *setting.events);
  CHECK_FALSE(report.passed);
  CHECK(report.failure == "the firmware found no bootable device");
  CHECK_THAT(report.serial_tail, Catch::Contains("SeaBIOS"));
  CHECK(report.total < std::chrono::seconds(60));
  CHECK(read_file(setting.test.disk) == std::string(1U << 20U, '\0'));
  const fs::path logs = setting.test.log_directory;
  CHECK(nlohmann::json::parse(read_file(logs / report_name))["passed"] == false);
  CHECK(fs::exists(logs / serial_log_name));
  CHECK_FALSE(fs::exists(logs / "overlay.qcow2"));
}

TEST_CASE("a QEMU that does not start is reported with its own words") {
  Setting setting;
  setting.test.format = "qcow2";  // the file is raw
  CHECK_THROWS_WITH(run_boot_test(setting.test, *setting.events), Catch::Contains("qemu-img"));
}
