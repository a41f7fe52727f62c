#include "boot/machine.hpp"

#include <algorithm>

#include <boost/algorithm/string/join.hpp>
#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "boot/probe_sector.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

using namespace compose;
using namespace compose::boot;

namespace {

Machine example() {
  Machine machine;
  machine.accelerator = "tcg";
  machine.disk = "/w/a,b.qcow2";
  machine.disk_format = "qcow2";
  machine.seed = "/w/seed.img";
  machine.forwards = {{"10.0.2.100", 8080, 41234}};
  machine.serial_log = "/w/serial.log";
  machine.guest_log = "/w/guest.log";
  return machine;
}

bool has(const std::vector<std::string>& arguments, const std::string& argument) {
  return std::find(arguments.begin(), arguments.end(), argument) != arguments.end();
}

}  // namespace

TEST_CASE("the probe's guest runs under the translator, and under no accelerator that QEMU lacks") {
  const TemporaryDirectory directory(fs::temp_directory_path(), "machine-test-");
  CHECK(accelerator_works("tcg", directory.path(), std::chrono::seconds(60)));
  CHECK_FALSE(accelerator_works("tcg", directory.path(), std::chrono::milliseconds(1)));
  CHECK(fs::is_empty(directory.path()));
}

TEST_CASE("the probe's disk is a boot sector") {
  const std::string disk = probe_disk();
  CHECK(disk.size() == 1U << 20U);
  CHECK(disk.substr(510, 2) == "\x55\xaa");
}

TEST_CASE("a guest's network leads to its forwards and nowhere else") {
  const auto arguments = qemu_arguments(example());
  const auto netdev = std::find(arguments.begin(), arguments.end(), "-netdev") + 1;
  CHECK(*netdev ==
        "user,id=net0,restrict=on,ipv6=off,guestfwd=tcp:10.0.2.100:8080-cmd:"
        "bash -c 'exec 3<>/dev/tcp/127.0.0.1/41234 4<&0; cat <&4 >&3 & cat <&3; kill $!'");
}

TEST_CASE("a comma in a path is no option's end") {
  CHECK(has(qemu_arguments(example()), "if=none,id=disk0,file=/w/a,,b.qcow2,format=qcow2,cache=unsafe"));
}

TEST_CASE("a reboot ends QEMU unless it is part of the test") {
  Machine machine = example();
  CHECK(has(qemu_arguments(machine), "-no-reboot"));
  machine.may_reboot = true;
  CHECK_FALSE(has(qemu_arguments(machine), "-no-reboot"));
}

TEST_CASE("the accelerator decides the CPU's model") {
  Machine machine = example();
  CHECK(has(qemu_arguments(machine), "max"));
  machine.accelerator = "kvm";
  CHECK(has(qemu_arguments(machine), "host"));
}

TEST_CASE("UEFI firmware is two flash chips, its code read-only") {
  Machine machine = example();
  machine.uefi = FirmwareFiles{"/f/CODE.fd", "/w/vars", "raw"};
  const auto arguments = qemu_arguments(machine);
  CHECK(has(arguments, "if=pflash,unit=0,format=raw,readonly=on,file=/f/CODE.fd"));
  CHECK(has(arguments, "if=pflash,unit=1,format=raw,file=/w/vars"));
}

TEST_CASE("an overlay shows its disk, enlarged, and replaces an earlier one") {
  const TemporaryDirectory directory(fs::temp_directory_path(), "machine-test-");
  const fs::path disk = directory.path() / "disk.raw";
  write_file_atomically(disk, std::string(1U << 20U, 'x'));
  const fs::path overlay = directory.path() / "overlay.qcow2";
  write_file_atomically(overlay, "left by an earlier run");
  make_overlay(overlay, disk, "raw", 8U << 20U);
  const auto info = nlohmann::json::parse(run_checked({"qemu-img", "info", "--output=json", overlay.string()}));
  CHECK(info["virtual-size"] == 8U << 20U);
  CHECK(info["full-backing-filename"] == fs::canonical(disk).string());
}
