#pragma once
// The boot test: boots a finished disk image under QEMU, offline, until its agent has registered with a stand-in
// control plane, has run a task, and the guest has described itself; then judges what both saw. Needs no privilege, and
// no KVM: where /dev/kvm cannot boot a kernel it uses QEMU's own translator. The image is never written to (a temporary
// overlay takes the writes). The guest reaches the control plane and, as on EC2, the instance metadata service, and
// nothing else: no host port, no outside.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "support/events.hpp"
#include "support/path.hpp"

namespace compose::boot {

enum class Firmware { bios, uefi };
enum class Bus { virtio, nvme };               // the system disk's
enum class Datasource { nocloud, ec2 };        // where cloud-init finds the user data: on a disk, or by HTTP as on EC2
enum class UserData { cloud_config, script };  // its form

struct ExpectedDirectory {
  std::string path;
  unsigned mode = 0755;             // permission bits
  std::string owner = "root:root";  // names, as `stat -c %U:%G` prints them
};

// One more thing that has to become true in the guest.
struct Assertion {
  std::string description;  // for people: "unit sshd.service is active", with the recipe's line
  std::string command;      // one line for the guest's bash; exit code 0: it holds; its output tells what was found
};

// Assertions in the guest's own words. Throw Error(input) for a text with a control character.
Assertion unit_is_active(const std::string& unit);
Assertion port_is_open(const std::string& protocol, std::uint16_t port);  // "tcp" or "udp"; somebody listens on it
// `owner` as "USER:GROUP".
Assertion file_is_there(const std::string& path, std::optional<unsigned> mode = std::nullopt,
                        const std::optional<std::string>& owner = std::nullopt);
Assertion command_succeeds(const std::string& command);

// A task of one container on the bridge network, pushed to the agent once it has registered.
struct Task {
  unsigned number = 1;  // which of a run; makes its ARN
  std::string image;
  std::vector<std::string> command;  // the image's own where empty
  std::uint16_t container_port = 80;
  std::uint16_t host_port = 8099;
  double cpus = 0.25;  // limits of the task
  unsigned memory_mib = 128;
};

// A blank disk besides the image's own.
struct ExpectedVolume {
  std::string serial;  // by which the guest knows it: "xvdcz"
  std::uint64_t size_bytes = 0;
};

// What the host is to upgrade to. Repositories are folders in mode archive, which the guest sees over http: in the file
// of its remote the address is replaced, and nothing else, so it verifies as it would at home.
struct Upgrade {
  std::string remote;             // in the guest
  fs::path repository;            // the host has to upgrade from it, reboot, pass again; then go back and pass again
  std::string commit;             // that it has then
  std::vector<fs::path> refused;  // from these it must not, before that
};

struct BootTest {
  fs::path disk;
  std::string format = "raw";  // or "qcow2"
  Firmware firmware = Firmware::bios;
  std::string cluster;    // the user data's ECS_CLUSTER, appended to /etc/ecs/ecs.config
  std::string stateroot;  // of `ostree admin status`; these three: empty = not checked
  std::string commit;
  std::string ref;
  std::vector<ExpectedDirectory> directories;  // what the agent's profile promises
  bool expects_registration = true;            // with the control plane; else the guest's description is enough
  std::string runtime = "docker";              // or "podman": the program that the guest is asked to use
  std::string container = "ecs-agent";         // the agent's container; empty = it is none
  bool privileged = true;                      // that container
  std::string unit;                            // runs the agent on the host itself; empty = none does
  std::string
      image;  // any image that is in the guest, for an ordinary container that runs the host's bash; empty = none
  std::optional<Task> task;            // has to go RUNNING, be reached from outside, and go STOPPED with exit code 0
  bool network_rules = false;          // the profile promises ecs-init's: who reaches ports 51678 and 51679
  bool blocks_metadata = false;        // the profile promises that tasks cannot reach the instance metadata (ec2 only)
  bool restart_control_plane = false;  // then stop it and start it again: the agent has to come back
  bool second_deployment = false;      // then `ostree admin deploy --karg-append` in the guest, reboot, all again
  std::optional<Upgrade> upgrade;      // instead of a second deployment
  std::vector<Assertion> assertions;
  Bus bus = Bus::virtio;
  Datasource datasource = Datasource::nocloud;
  UserData user_data = UserData::cloud_config;
  std::vector<ExpectedVolume> volumes;
  std::optional<std::uint64_t> disk_size_bytes;  // the virtual disk's size: larger than the image, to see it grow
  // For each boot, which takes 60 to 100 s without KVM. Time for which the guest was ready to run but this machine busy
  // with other work does not count, so a limit that is right on an idle machine is right on a busy one.
  std::chrono::seconds timeout{300};
  fs::path log_directory;  // made when absent; see the file names below
};

// What a run leaves in log_directory; earlier ones of these names are replaced.
inline constexpr const char* serial_log_name = "serial.log";  // firmware's, boot loader's and kernel's console
inline constexpr const char* guest_log_name = "guest.log";    // the guest's description of itself (guest_report.hpp)
inline constexpr const char* requests_log_name = "requests.jsonl";      // what reached the control plane
inline constexpr const char* metadata_log_name = "metadata.jsonl";      // what reached the instance metadata service
inline constexpr const char* repository_log_name = "repository.jsonl";  // what an upgrading guest fetched
inline constexpr const char* qemu_log_name = "qemu.log";
inline constexpr const char* report_name = "report.json";  // to_json() of the report

struct Check {
  std::string name;  // a stable word: "registered", "deployment", "units", …
  bool passed = false;
  std::string detail;  // what was found; when failed also what was expected
};

// Since power-on (or the reboot); absent: not seen.
struct BootTimes {
  std::optional<std::chrono::milliseconds> kernel;
  std::optional<std::chrono::milliseconds> userspace;
  std::optional<std::chrono::milliseconds> registered;
  std::optional<std::chrono::milliseconds> task_running;
  std::optional<std::chrono::milliseconds> task_stopped;
  std::optional<std::chrono::milliseconds> reconnected;
  std::optional<std::chrono::milliseconds> finished;  // the guest's description is complete
};

struct BootRun {  // one for each boot of the guest
  std::vector<Check> checks;
  BootTimes times;
  std::string registration;  // the RegisterContainerInstance request's body, JSON; empty: none came
};

struct BootReport {
  bool passed = false;
  std::string
      failure;  // why not, one line: "timeout …", "the kernel panicked: …", "2 checks failed: units, registered"
  std::string accelerator;  // "kvm" or "tcg"
  std::vector<BootRun> boots;
  std::chrono::milliseconds total{0};
  std::string guest_diagnosis;  // when failed: what the guest said about it (unit states, agent's log, journal)
  std::string serial_tail;      // when failed: the console's last lines, without control characters
};

// Runs the test. Whatever the image does is a report (passed or not); only what stops the test itself throws:
// Error(input) for a missing image or an unusable expectation, Error(failed) for a missing program or firmware.
// Events: stage "boot" around stages "firmware", "kernel", "userspace", "checks". QEMU ends with this call, or with
// this process.
BootReport run_boot_test(const BootTest& test, Events& events);

// For people: a line a check, then on failure the reason, the guest's diagnosis and the console's tail.
std::string describe(const BootReport& report);

// {"passed","failure","accelerator","total_s","boots":[{"checks":[{"name","passed","detail"}],"kernel_s",
// "userspace_s","registered_s","task_running_s","task_stopped_s","reconnected_s","finished_s","registration"}]}
nlohmann::json to_json(const BootReport& report);

}  // namespace compose::boot
