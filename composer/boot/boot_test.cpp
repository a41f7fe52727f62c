#include "boot/boot_test.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "boot/control_plane.hpp"
#include "boot/machine.hpp"
#include "boot/seed.hpp"
#include "boot/watch.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::boot {
namespace {

using std::chrono::milliseconds;

// Where the guest finds the control plane. A fixed address: the user data is the same for every run.
constexpr const char* guest_address = "10.0.2.100";
constexpr std::uint16_t guest_port = 8080;

constexpr int most_attempts = 3;  // see failed_by_slow_timers

// The files of the virtual machine that are of no use after it. Of fixed names, so that the next run in this directory
// replaces what a killed one left.
class MachineFiles {
 public:
  explicit MachineFiles(const fs::path& directory)
      : overlay(directory / "overlay.qcow2"), seed(directory / "seed.img"), variables(directory / "uefi-variables") {}
  ~MachineFiles() {
    boost::system::error_code ignored;
    for (const fs::path& file : {overlay, seed, variables}) fs::remove(file, ignored);
  }
  MachineFiles(const MachineFiles&) = delete;
  MachineFiles& operator=(const MachineFiles&) = delete;

  const fs::path overlay;
  const fs::path seed;
  const fs::path variables;
};

void require(bool condition, const std::string& complaint, const std::string& hint = {}) {
  if (!condition) throw Error(ErrorKind::input, "boot test: " + complaint, hint);
}

std::uint64_t virtual_size(const BootTest& test) {
  const std::string info = run_checked({"qemu-img", "info", "--output=json", "-f", test.format, test.disk.string()});
  return nlohmann::json::parse(info).at("virtual-size").get<std::uint64_t>();
}

void check_test(const BootTest& test) {
  require(fs::exists(test.disk), fmt::format("there is no disk image '{}'", test.disk.string()),
          "build it first: atomic-compose build");
  require(test.format == "raw" || test.format == "qcow2",
          fmt::format("'{}' images cannot be booted, only raw and qcow2", test.format));
  require(test.timeout.count() > 0, "the time limit has to be positive");
  require(!test.second_deployment || !(test.commit.empty() && test.ref.empty()),
          "a second deployment needs the commit or the ref to deploy");
  if (!test.disk_size_bytes) return;
  const std::uint64_t size = virtual_size(test);
  require(*test.disk_size_bytes >= size && *test.disk_size_bytes % 512 == 0,
          fmt::format("a disk of {} bytes cannot hold the image of {}", *test.disk_size_bytes, size));
}

SeedContent seed_content(const BootTest& test) {
  SeedContent content;
  content.cluster = test.cluster;
  content.control_plane_url = fmt::format("http://{}:{}", guest_address, guest_port);
  for (const ExpectedDirectory& directory : test.directories) content.directories.push_back(directory.path);
  content.container = test.container;
  content.image = test.image;
  if (test.second_deployment) {
    content.deploy_os = test.stateroot;
    content.deploy_rev = test.ref.empty() ? test.commit : test.ref;
  }
  content.patience = patience_of(test);
  return content;
}

std::optional<FirmwareFiles> prepare_uefi(const fs::path& variables) {
  auto files = find_uefi();
  if (!files)
    throw Error(ErrorKind::failed, "boot test: no UEFI firmware for QEMU is installed",
                "run ci/setup, or install ovmf (Debian) or edk2-ovmf (Fedora)");
  fs::remove(variables);
  fs::copy_file(files->variables, variables);
  fs::permissions(variables, fs::owner_read | fs::owner_write);
  files->variables = variables;
  return files;
}

void remove_old_logs(const fs::path& directory) {
  for (const char* name : {serial_log_name, guest_log_name, requests_log_name, qemu_log_name, report_name}) {
    fs::remove(directory / name);
  }
}

Machine prepare_machine(const BootTest& test, const MachineFiles& files, const ControlPlane& control_plane) {
  Machine machine;
  machine.accelerator = choose_accelerator(test.log_directory);
  machine.disk = files.overlay;
  machine.disk_format = "qcow2";
  make_overlay(files.overlay, test.disk, test.format, test.disk_size_bytes);
  machine.seed = files.seed;
  write_seed(files.seed, seed_content(test));
  if (test.firmware == Firmware::uefi) machine.uefi = prepare_uefi(files.variables);
  machine.forwards = {{guest_address, guest_port, control_plane.port()}};
  machine.serial_log = test.log_directory / serial_log_name;
  machine.guest_log = test.log_directory / guest_log_name;
  machine.may_reboot = test.second_deployment;
  return machine;
}

// Linux gives up early when the timer interrupts it asks for do not come within 40 ms; QEMU's translator delivers late
// on a busy machine. Nothing of the image has run by then. (Images with the kernel argument no_timer_check do not ask.)
bool failed_by_slow_timers(const BootReport& report) {
  return report.accelerator == "tcg" && report.failure.find("IO-APIC + timer doesn't work") != std::string::npos;
}

BootReport boot_and_watch(const BootTest& test, Events& events) {
  const MachineFiles files(test.log_directory);
  ControlPlane control_plane(test.log_directory / requests_log_name, seed_content(test).control_plane_url);
  const Machine machine = prepare_machine(test, files, control_plane);
  BootReport report;
  report.accelerator = machine.accelerator;
  const auto started = std::chrono::steady_clock::now();
  Child qemu(qemu_arguments(machine), {{}, {}, test.log_directory / qemu_log_name});
  Watch(test, qemu, control_plane, events).run(report);
  report.total = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - started);
  qemu.kill();
  return report;
}

}  // namespace

BootReport run_boot_test(const BootTest& test, Events& events) {
  const char* firmware = test.firmware == Firmware::uefi ? "UEFI" : "BIOS";
  Stage stage(events, "boot", fmt::format("{} with {}", test.disk.string(), firmware));
  return with_context(fmt::format("boot-testing '{}'", test.disk.string()), [&] {
    check_test(test);
    fs::create_directories(test.log_directory);
    BootTest here = test;
    here.log_directory = fs::canonical(test.log_directory);
    BootReport report;
    for (int attempt = 1; attempt <= most_attempts; ++attempt) {
      remove_old_logs(here.log_directory);
      report = boot_and_watch(here, events);
      if (!failed_by_slow_timers(report)) break;
      events.note("this machine is too busy for QEMU to keep the guest's timers going: booting again");
    }
    write_file_atomically(here.log_directory / report_name, to_json(report).dump(2) + "\n");
    stage.finish(fmt::format("{}, {}: {}", firmware, report.accelerator,
                             report.passed ? "registered, all checks passed" : report.failure));
    return report;
  });
}

}  // namespace compose::boot
