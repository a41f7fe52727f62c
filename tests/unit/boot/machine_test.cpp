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
  machine.network = "10.0.2.0/24";
  machine.mac = "02:00:00:00:00:01";
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
        "user,id=net0,net=10.0.2.0/24,restrict=on,ipv6=off,guestfwd=tcp:10.0.2.100:8080-cmd:"
        "bash -c 'exec 2>/dev/null; exec 3<>/dev/tcp/127.0.0.1/41234 4<&0 || exit; cat <&4 >&3 & cat <&3; kill $!'");
}

TEST_CASE("where nobody listens a forward says nothing: the guest would take it for an answer") {
  Machine machine = example();
  machine.forwards.front().host_port = free_port();
  const auto arguments = qemu_arguments(machine);
  const std::string netdev = *(std::find(arguments.begin(), arguments.end(), "-netdev") + 1);
  const auto result = run({"sh", "-c", netdev.substr(netdev.find("-cmd:") + 5)});
  CHECK(result.exit_code != 0);
  CHECK(result.out + result.err == "");
}

TEST_CASE("an entrance leads from this machine's own address to the guest, and is told when it was taken") {
  Machine machine = example();
  machine.forwards.clear();
  machine.entrances = {{40001, 51678}, {40002, 8099}};
  CHECK(has(qemu_arguments(machine),
            "user,id=net0,net=10.0.2.0/24,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:40001-:51678"
            ",hostfwd=tcp:127.0.0.1:40002-:8099"));
  CHECK(entrance_was_taken("qemu-system-x86_64: -netdev user: Could not set up host forwarding rule 'tcp::1-:2'"));
  CHECK_FALSE(entrance_was_taken("qemu-system-x86_64: cannot set up guest memory"));
}

TEST_CASE("a free port is one that can be listened on") {
  const auto port = free_port();
  CHECK(port > 0);
  CHECK(run({"bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(port)}).exit_code != 0);
}

TEST_CASE("the system's disk may be an NVMe drive, the seed stays what it was") {
  Machine machine = example();
  CHECK(has(qemu_arguments(machine), "virtio-blk-pci,drive=disk0,bootindex=0"));
  machine.bus = Bus::nvme;
  CHECK(has(qemu_arguments(machine), "nvme,serial=disk0,drive=disk0,bootindex=0"));
  CHECK(has(qemu_arguments(machine), "virtio-blk-pci,drive=seed0"));
}

TEST_CASE("a machine of another maker says so, and needs no seed") {
  Machine machine = example();
  machine.seed.clear();
  machine.maker = Maker{"Amazon EC2", "m5.large", "ec2a7031-c000-b007-0e57-000000000001", "ec2a"};
  const auto arguments = qemu_arguments(machine);
  CHECK(has(arguments,
            "type=1,manufacturer=Amazon EC2,product=m5.large,uuid=ec2a7031-c000-b007-0e57-000000000001,"
            "serial=ec2a"));
  CHECK_FALSE(has(arguments, "virtio-blk-pci,drive=seed0"));
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

TEST_CASE("more disks have the serial numbers that the guest knows them by") {
  Machine machine = example();
  machine.extra_disks = {{"/logs/volume-xvdcz.qcow2", "xvdcz"}};
  const std::string line = boost::algorithm::join(qemu_arguments(machine), " ");
  CHECK(line.find("file=/logs/volume-xvdcz.qcow2,format=qcow2") != std::string::npos);
  CHECK(line.find("virtio-blk-pci,drive=extra0,serial=xvdcz") != std::string::npos);
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
