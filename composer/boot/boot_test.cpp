#include "boot/boot_test.hpp"

#include <algorithm>

#include <fcntl.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "boot/control_plane.hpp"
#include "boot/machine.hpp"
#include "boot/metadata_service.hpp"
#include "boot/repository_service.hpp"
#include "boot/seed.hpp"
#include "boot/watch.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::boot {
namespace {

using std::chrono::milliseconds;

// Fixed addresses: the user data is the same for every run. QEMU gives the guest .15 of its network. What the guest is
// to reach has to be in that network, so for EC2 it is the one of the instance metadata service.
constexpr const char* control_plane_host = ".100";
constexpr std::uint16_t control_plane_port = 8080;
constexpr const char* repository_host = ".101";
constexpr const char* metadata_host = ".102";  // where its real address is not of the network

std::string network_prefix(const BootTest& test) {
  return test.datasource == Datasource::ec2 ? "169.254.169" : "10.0.2";
}

constexpr int most_attempts = 3;  // see reason_to_repeat

// The files of the virtual machine that are of no use after it. Of fixed names, so that the next run in this directory
// replaces what a killed one left.
class MachineFiles {
 public:
  explicit MachineFiles(const fs::path& directory, const std::vector<ExpectedVolume>& volumes)
      : overlay(directory / "overlay.qcow2"), seed(directory / "seed.img"), variables(directory / "uefi-variables") {
    for (const auto& volume : volumes) {
      extra_disks.push_back({directory / fmt::format("volume-{}.qcow2", volume.serial), volume.serial});
      const fs::path& file = extra_disks.back().file;
      fs::remove(file);
      run_checked({"qemu-img", "create", "-q", "-f", "qcow2", file.string(), std::to_string(volume.size_bytes)});
    }
  }
  ~MachineFiles() {
    boost::system::error_code ignored;
    for (const auto& extra : extra_disks) fs::remove(extra.file, ignored);
    for (const fs::path& file : {overlay, seed, variables}) fs::remove(file, ignored);
  }
  MachineFiles(const MachineFiles&) = delete;
  MachineFiles& operator=(const MachineFiles&) = delete;

  const fs::path overlay;
  const fs::path seed;
  const fs::path variables;
  std::vector<ExtraDisk> extra_disks;
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
  require(test.runtime == "docker" || test.runtime == "podman",
          fmt::format("'{}' is no container runtime that is known here, only docker and podman", test.runtime));
  require(!test.task || test.expects_registration, "a task needs an agent that registers");
  require(!test.blocks_metadata || test.datasource == Datasource::ec2,
          "whether tasks reach the instance metadata can be seen with the ec2 datasource only");
  require(test.timeout.count() > 0, "the time limit has to be positive");
  require(!test.second_deployment || !(test.commit.empty() && test.ref.empty()),
          "a second deployment needs the commit or the ref to deploy");
  require(!test.upgrade || !test.second_deployment, "an upgrade is a second deployment already: choose one");
  require(!test.upgrade || !test.upgrade->remote.empty(), "an upgrade needs the name of the host's remote");
  if (!test.disk_size_bytes) return;
  const std::uint64_t size = virtual_size(test);
  require(*test.disk_size_bytes >= size && *test.disk_size_bytes % 512 == 0,
          fmt::format("a disk of {} bytes cannot hold the image of {}", *test.disk_size_bytes, size));
}

SeedContent seed_content(const BootTest& test) {
  SeedContent content;
  content.cluster = test.cluster;
  content.control_plane_url =
      fmt::format("http://{}{}:{}", network_prefix(test), control_plane_host, control_plane_port);
  if (test.datasource != Datasource::ec2) {
    content.metadata_url = fmt::format("http://{}{}", network_prefix(test), metadata_host);
  }
  content.expects_registration = test.expects_registration;
  content.network_rules = test.network_rules;
  content.runtime = test.runtime;
  for (const Assertion& assertion : test.assertions) content.assertions.push_back(assertion.command);
  for (const ExpectedDirectory& directory : test.directories) content.directories.push_back(directory.path);
  content.container = test.container;
  content.unit = test.unit;
  content.image = test.image;
  if (test.second_deployment) {
    content.deploy_os = test.stateroot;
    content.deploy_rev = test.ref.empty() ? test.commit : test.ref;
  }
  if (test.upgrade) {
    const std::string address = fmt::format("http://{}{}/", network_prefix(test), repository_host);
    content.deploy_os = test.stateroot;
    content.upgrade_remote = test.upgrade->remote;
    content.upgrade_url = address + "0";
    for (std::size_t number = 1; number <= test.upgrade->refused.size(); ++number) {
      content.refused_urls.push_back(address + std::to_string(number));
    }
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
  for (const char* name : {serial_log_name, guest_log_name, requests_log_name, metadata_log_name, repository_log_name,
                           qemu_log_name, report_name}) {
    fs::remove(directory / name);
  }
}

Instance instance_of(const BootTest& test) {
  Instance instance;
  instance.address = network_prefix(test) + ".15";
  instance.public_key = public_key;
  if (test.datasource == Datasource::ec2) instance.user_data = user_data(seed_content(test), test.user_data);
  return instance;
}

// As a Nitro instance tells it: cloud-init (its ds-identify) knows EC2 by a UUID that is also the serial number.
Maker amazon() {
  const std::string uuid = "ec2a7031-c000-b007-0e57-000000000001";
  return {"Amazon EC2", "m5.large", uuid, uuid};
}

// The instance metadata service with its log.
class Metadata {
 public:
  Metadata(const Instance& instance, const fs::path& log)
      : service_(instance), name_(log.string()), log_(open_file(log, O_WRONLY | O_CREAT | O_TRUNC)) {}

  std::uint16_t port() const noexcept { return http_.port(); }

 private:
  HttpReply answer(const HttpRequest& request) {
    const auto now = std::chrono::steady_clock::now();
    const HttpReply reply = service_.answer(request, now);
    if (++requests_ > 10'000) return reply;
    const nlohmann::json line{{"time_s", std::chrono::duration<double>(now - started_).count()},
                              {"method", request.method},
                              {"path", request.target},
                              {"status", reply.status}};
    write_all(log_.get(), line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", name_);
    return reply;
  }

  MetadataService service_;
  std::string name_;
  Fd log_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  unsigned requests_ = 0;
  HttpService http_{{[this](const HttpRequest& request) { return answer(request); }, nullptr, nullptr}};
};

// In the order of their numbers: the good one first.
std::vector<fs::path> repositories_of(const Upgrade& upgrade) {
  std::vector<fs::path> folders{upgrade.repository};
  folders.insert(folders.end(), upgrade.refused.begin(), upgrade.refused.end());
  return folders;
}

// What the guest reaches, and what reaches it.
struct Services {
  Services(const BootTest& test)
      : control_plane(test.log_directory / requests_log_name, seed_content(test).control_plane_url),
        metadata(instance_of(test), test.log_directory / metadata_log_name),
        ports{free_port(), free_port(), free_port()} {
    if (test.upgrade) repositories.emplace(repositories_of(*test.upgrade), test.log_directory / repository_log_name);
  }
  ControlPlane control_plane;
  Metadata metadata;  // an agent asks it for the instance's identity and credentials, wherever user data came from
  std::optional<RepositoryService> repositories;
  OutsidePorts ports;
};

void connect_machine(Machine& machine, const BootTest& test, const Services& services) {
  const std::string prefix = network_prefix(test);
  machine.network = prefix + ".0/24";
  machine.mac = Instance().mac;
  const std::string metadata = test.datasource == Datasource::ec2 ? metadata_address : prefix + metadata_host;
  machine.forwards = {{prefix + control_plane_host, control_plane_port, services.control_plane.port()},
                      {metadata, 80, services.metadata.port()}};
  if (services.repositories) machine.forwards.push_back({prefix + repository_host, 80, services.repositories->port()});
  if (test.task) machine.entrances.push_back({services.ports.task, test.task->host_port});
  if (!test.network_rules) return;
  machine.entrances.push_back({services.ports.introspection, 51678});
  machine.entrances.push_back({services.ports.credentials, 51679});
}

Machine prepare_machine(const BootTest& test, const MachineFiles& files, const Services& services) {
  Machine machine;
  machine.accelerator = choose_accelerator(test.log_directory);
  machine.disk = files.overlay;
  machine.disk_format = "qcow2";
  machine.bus = test.bus;
  make_overlay(files.overlay, test.disk, test.format, test.disk_size_bytes);
  if (test.datasource == Datasource::ec2) {
    machine.maker = amazon();
  } else {
    machine.seed = files.seed;
    write_seed(files.seed, seed_content(test), test.user_data);
  }
  if (test.firmware == Firmware::uefi) machine.uefi = prepare_uefi(files.variables);
  connect_machine(machine, test, services);
  machine.serial_log = test.log_directory / serial_log_name;
  machine.guest_log = test.log_directory / guest_log_name;
  machine.extra_disks = files.extra_disks;
  machine.may_reboot = test.second_deployment || test.upgrade;
  return machine;
}

// Linux gives up early when the timer interrupts it asks for do not come within 40 ms; QEMU's translator delivers late
// on a busy machine. Nothing of the image has run by then. (Images with the kernel argument no_timer_check do not ask.)
bool failed_by_slow_timers(const BootReport& report) {
  return report.accelerator == "tcg" && report.failure.find("IO-APIC + timer doesn't work") != std::string::npos;
}

// Why another attempt may succeed, in words for people.
std::optional<std::string> reason_to_repeat(const BootReport& report) {
  if (failed_by_slow_timers(report)) return "this machine is too busy for QEMU to keep the guest's timers going";
  if (entrance_was_taken(report.failure)) return "somebody else took a port meanwhile";
  return std::nullopt;
}

BootReport boot_and_watch(const BootTest& test, Events& events) {
  const MachineFiles files(test.log_directory, test.volumes);
  Services services(test);
  const Machine machine = prepare_machine(test, files, services);
  BootReport report;
  report.accelerator = machine.accelerator;
  const auto started = std::chrono::steady_clock::now();
  Child qemu(qemu_arguments(machine), {{}, {}, test.log_directory / qemu_log_name});
  Watch(test, qemu, services.control_plane, services.ports, events).run(report);
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
      const auto reason = reason_to_repeat(report);
      if (!reason) break;
      events.note(*reason + ": booting again");
    }
    write_file_atomically(here.log_directory / report_name,
                          to_json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    stage.finish(
        fmt::format("{}, {}: {}", firmware, report.accelerator, report.passed ? "all checks passed" : report.failure));
    return report;
  });
}

}  // namespace compose::boot
