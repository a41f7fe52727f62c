#include "boot/judge.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <nlohmann/json.hpp>

#include "boot/guest_json.hpp"
#include "boot/outside.hpp"
#include "boot/seed.hpp"
#include "support/number.hpp"

namespace compose::boot {
namespace {

using boost::algorithm::join;
using Requests = std::vector<SeenRequest>;

constexpr const char* not_reported = "the guest did not report it";

// Gathers what is wrong; a check without a complaint has passed.
class Verdict {
 public:
  explicit Verdict(std::string name) : name_(std::move(name)) {}

  void expect(bool right, const std::string& complaint) {
    if (!right) complaints_.push_back(complaint);
  }

  Check done(const std::string& found) const {
    if (complaints_.empty()) return {name_, true, found};
    return {name_, false, join(complaints_, "; ")};
  }

 private:
  std::string name_;
  std::vector<std::string> complaints_;
};

std::string value_or(const GuestBoot& guest, const std::string& fact) {
  return guest.fact(fact).value_or(not_reported);
}

std::optional<std::uint64_t> number_fact(const GuestBoot& guest, const std::string& name) {
  const auto value = parse_number<std::uint64_t>(guest.fact(name).value_or(""));
  return value && *value <= std::uint64_t{1} << 60U ? value : std::nullopt;
}

Check judge_registration(const BootTest& test, const Requests& requests) {
  Verdict verdict("registered");
  const auto seen = find_registration(requests);
  if (!seen) {
    verdict.expect(false, fmt::format("no RegisterContainerInstance among {} requests", requests.size()));
    return verdict.done({});
  }
  const auto body = parse_guest_json(seen->request.body);
  std::string cluster = "default";
  if (body.is_object() && body.contains("cluster") && body["cluster"].is_string()) cluster = body["cluster"];
  verdict.expect(seen->status == 200, fmt::format("the registration was refused with status {}", seen->status));
  verdict.expect(test.cluster.empty() || cluster == test.cluster,
                 fmt::format("registered with cluster '{}', not with the user data's '{}'", cluster, test.cluster));
  return verdict.done(fmt::format("with cluster '{}'", cluster));
}

// `ostree admin status` prints "* STATEROOT COMMIT.SERIAL" for the booted deployment, and its origin below it.
Check judge_deployment(const BootTest& test, const GuestBoot& guest) {
  Verdict verdict("deployment");
  const std::string& commit = test.upgrade && guest.number == 2 ? test.upgrade->commit : test.commit;
  const auto& status = guest.all("status");
  const auto booted =
      std::find_if(status.begin(), status.end(), [](const std::string& line) { return line.starts_with("* "); });
  if (booted == status.end()) {
    verdict.expect(false, fmt::format("no booted deployment in `ostree admin status`: {}", join(status, " | ")));
    return verdict.done({});
  }
  const auto next = std::find_if(booted + 1, status.end(),
                                 [](const std::string& line) { return boost::algorithm::contains(line, "refspec:"); });
  const std::string origin = next == status.end() ? "no origin" : *next;
  verdict.expect(test.stateroot.empty() || booted->starts_with("* " + test.stateroot + " "),
                 fmt::format("booted '{}', expected stateroot '{}'", *booted, test.stateroot));
  verdict.expect(commit.empty() || boost::algorithm::contains(*booted, " " + commit + "."),
                 fmt::format("booted '{}', expected commit {}", *booted, commit));
  verdict.expect(test.ref.empty() || origin.ends_with(": " + test.ref) || origin.ends_with(":" + test.ref),
                 fmt::format("'{}', expected refspec '{}'", origin, test.ref));
  return verdict.done(fmt::format("{}, {}", *booted, origin));
}

Check judge_units(const GuestBoot& guest) {
  Verdict verdict("units");
  const std::string state = value_or(guest, "system-state");
  const auto& failed = guest.all("failed-unit");
  verdict.expect(state == "running", fmt::format("the system is '{}', expected 'running'", state));
  verdict.expect(failed.empty(), fmt::format("failed: {}", join(failed, " | ")));
  return verdict.done("the system is running, no unit has failed");
}

Check judge_ordering(const GuestBoot& guest) {
  Verdict verdict("ordering");
  const auto& cycles = guest.all("ordering-cycle");
  verdict.expect(guest.complete, not_reported);
  verdict.expect(cycles.empty(), join(cycles, " | "));
  return verdict.done("no ordering cycle");
}

Check judge_directories(const BootTest& test, const GuestBoot& guest) {
  Verdict verdict("directories");
  const auto& found = guest.all("directory");
  for (const ExpectedDirectory& expected : test.directories) {
    const std::string ending = " " + expected.path;
    const auto line = std::find_if(found.begin(), found.end(), [&](const std::string& text) {
      return text.ends_with(ending) &&
             std::count(text.begin(), text.end() - static_cast<std::ptrdiff_t>(ending.size()), ' ') == 1;
    });
    const std::string wanted = fmt::format("{:o} {}{}", expected.mode, expected.owner, ending);
    verdict.expect(line != found.end() && *line == wanted,
                   fmt::format("expected '{}', found '{}'", wanted, line == found.end() ? not_reported : *line));
  }
  return verdict.done(fmt::format("{} as the profile has them", test.directories.size()));
}

Check judge_writability(const GuestBoot& guest) {
  Verdict verdict("read-only");
  const auto reported = [&](const std::string& fact, const std::string& path) {
    const auto& paths = guest.all(fact);
    return std::find(paths.begin(), paths.end(), path) != paths.end();
  };
  for (const char* path : {"/usr", "/sysroot"}) {
    verdict.expect(reported("read-only", path), fmt::format("{} can be written to", path));
  }
  for (const char* path : {"/etc", "/var"}) {
    verdict.expect(reported("writable", path), fmt::format("{} cannot be written to", path));
  }
  return verdict.done("/usr and /sysroot read-only, /etc and /var writable");
}

// The root file system fills its partition, and its partition the rest of the disk.
Check judge_growth(const BootTest& test, const GuestBoot& guest) {
  Verdict verdict("grown");
  const auto filesystem = number_fact(guest, "filesystem-bytes");
  const auto start = number_fact(guest, "partition-start-bytes");
  const auto partition = number_fact(guest, "partition-bytes");
  const auto disk = number_fact(guest, "disk-bytes");
  if (!filesystem || !start || !partition || !disk) {
    verdict.expect(false, not_reported);
    return verdict.done({});
  }
  constexpr std::uint64_t slack = 4U << 20U;  // alignment and the second partition table
  verdict.expect(!test.disk_size_bytes || *disk == *test.disk_size_bytes,
                 fmt::format("the disk has {} bytes, expected {}", *disk, test.disk_size_bytes.value_or(0)));
  verdict.expect(*start + *partition + slack >= *disk,
                 fmt::format("the root partition ends at {} of the disk's {} bytes", *start + *partition, *disk));
  // df leaves out ext4's own tables: 1.6 % with 256-byte inodes, one for each 16 KiB, and the journal.
  verdict.expect(*filesystem + (128U << 20U) >= *partition / 100 * 95,
                 fmt::format("the root file system has {} bytes of its partition's {}", *filesystem, *partition));
  return verdict.done(fmt::format("root has {} MiB of the disk's {} MiB", *filesystem >> 20U, *disk >> 20U));
}

Check judge_agent(const BootTest& test, const GuestBoot& guest) {
  Verdict verdict("agent");
  const std::string found = value_or(guest, "agent");
  const std::string wanted = fmt::format("true {} host", test.privileged);
  verdict.expect(found == wanted, fmt::format("container '{}': expected running, privileged, network mode '{}', found "
                                              "'{}'",
                                              test.container, wanted, found));
  return verdict.done(fmt::format("container '{}' runs {} with the host's network", test.container,
                                  test.privileged ? "privileged" : "unprivileged"));
}

// "STATE PLACE PROGRAM" of the agent's unit.
Check judge_agent_unit(const BootTest& test, const GuestBoot& guest) {
  Verdict verdict("agent");
  const std::string found = value_or(guest, "agent-unit");
  verdict.expect(
      found.starts_with("active host /"),
      fmt::format("unit '{}': expected it to be active, its process on the host itself, found '{}'", test.unit, found));
  return verdict.done(fmt::format("unit '{}' is active, on the host itself: {}", test.unit,
                                  found.substr(std::min(found.size(), std::string("active host ").size()))));
}

bool has_fact(const GuestBoot& guest, const std::string& name, const std::string& value) {
  const auto& values = guest.all(name);
  return std::find(values.begin(), values.end(), value) != values.end();
}

// "PRIVILEGED NETWORK APPARMOR-PROFILE" of the ordinary container; the profile is of interest where the kernel has
// AppArmor.
Check judge_ordinary_container(const BootTest& test, const GuestBoot& guest, const Requests& requests) {
  Verdict verdict("ordinary-container");
  const bool seen = std::any_of(requests.begin(), requests.end(),
                                [](const SeenRequest& request) { return request.request.path.starts_with("/probe"); });
  const std::string code = value_or(guest, "probe-exit");
  const std::string found = value_or(guest, "probe");
  const bool ordinary = found.starts_with("false default") || found.starts_with("false bridge");
  verdict.expect(code == "0", fmt::format("exit code {}: {}", code, join(guest.all("probe-output"), " | ")));
  verdict.expect(seen && has_fact(guest, "from-container", "control-plane open"),
                 "its request did not reach the control plane");
  verdict.expect(ordinary, fmt::format("expected unprivileged on the bridge network, found '{}'", found));
  const bool apparmor = guest.fact("apparmor") == "Y";
  const std::string profile = test.runtime == "podman" ? "containers-default" : "docker-default";
  verdict.expect(!apparmor || found.find(" " + profile) != std::string::npos,
                 fmt::format("expected the AppArmor profile {}, found '{}'", profile, found));
  return verdict.done(apparmor ? fmt::format("reached the control plane, AppArmor profile {}", profile)
                               : "reached the control plane; AppArmor is off in this kernel");
}

// What cloud-init says it read, and the key that came with it.
Check judge_datasource(const BootTest& test, const GuestBoot& guest) {
  Verdict verdict("datasource");
  const std::string wanted = test.datasource == Datasource::ec2 ? "aws" : "nocloud";
  const std::string found = value_or(guest, "datasource");
  verdict.expect(found == wanted, fmt::format("cloud-init took '{}', expected '{}'", found, wanted));
  verdict.expect(!guest.all("authorized").empty(), "no user's authorized_keys has the key of the instance data");
  return verdict.done(
      fmt::format("'{}', and its key is authorized in {}", wanted, join(guest.all("authorized"), ", ")));
}

// The instance's name, of the registration that a boot began with.
std::string known_instance(const Requests& requests) {
  const auto registration = find_registration(requests);
  const auto body = registration ? parse_guest_json(registration->request.body) : nlohmann::json();
  const bool known =
      body.is_object() && body.contains("containerInstanceArn") && body["containerInstanceArn"].is_string();
  return known ? body["containerInstanceArn"].get<std::string>() : "";
}

Check judge_kept_registration(const Requests& requests) {
  Verdict verdict("kept-registration");
  const std::string known = known_instance(requests);
  verdict.expect(!known.empty(), "the agent registered as a new instance, without the name it had before the reboot");
  return verdict.done("registered again as " + known);
}

// A member of a task's first container in a report, as JSON text.
std::string container_member(const std::optional<SeenRequest>& report, const char* name) {
  const auto body = report ? parse_guest_json(report->request.body) : nlohmann::json();
  if (!body.is_object()) return "nothing";
  const auto containers = body.find("containers");
  if (containers == body.end() || !containers->is_array() || containers->empty()) return "nothing";
  const auto& first = containers->front();
  return first.is_object() && first.contains(name) ? first[name].dump() : "nothing";
}

Check judge_task(const BootTest& test, unsigned number, const Requests& requests, const OutsideFindings& outside) {
  Verdict verdict("task");
  const auto running = find_task_report(requests, number, "RUNNING");
  const auto stopped = find_task_report(requests, number, "STOPPED");
  const std::string bindings = container_member(running, "networkBindings");
  const std::string code = container_member(stopped, "exitCode");
  const std::string port = std::to_string(test.task->host_port);
  const auto body = stopped ? parse_guest_json(stopped->request.body) : nlohmann::json();
  const std::string reason = body.is_object() ? body.value("reason", nlohmann::json("no reason")).dump() : "no reason";
  verdict.expect(running.has_value(), "it was not reported as RUNNING");
  verdict.expect(!running || bindings.find("\"hostPort\":" + port) != std::string::npos,
                 fmt::format("expected host port {} among its bindings {}", port, bindings));
  verdict.expect(outside.task_answered.value_or(false), fmt::format("host port {} did not answer from outside", port));
  verdict.expect(stopped.has_value(), "it was not reported as STOPPED");
  verdict.expect(!stopped || code == "0", fmt::format("exit code {}, {}", code, reason));
  return verdict.done(fmt::format("RUNNING, answered from outside on port {}, STOPPED with exit code 0", port));
}

Check judge_reconnection(const Requests& requests, const OutsideFindings& outside) {
  Verdict verdict("reconnected");
  const bool back = outside.restarted && find_connection(requests, *outside.restarted);
  verdict.expect(outside.restarted.has_value(), "it did not come to that: the control plane was not restarted");
  verdict.expect(!outside.restarted || back, "the agent did not connect again after the control plane came back");
  return verdict.done("the agent connected again after the control plane had been away");
}

// Who reaches the agent's two ports, as ecs-init's rules have it.
Check judge_ports(const GuestBoot& guest, const OutsideFindings& outside) {
  Verdict verdict("ports");
  const auto expect = [&](const char* from, const std::string& what) {
    const std::string found = fmt::format("{}: {}", from, join(guest.all(from), ", "));
    verdict.expect(has_fact(guest, from, what), fmt::format("expected {} {}; found {}", from, what, found));
  };
  expect("from-host", "introspection open");
  expect("from-host", "credentials open");
  expect("from-host", "task-credentials open");
  expect("from-container", "introspection open");
  expect("from-container", "credentials closed");
  expect("from-container", "task-credentials open");
  verdict.expect(outside.introspection_answered == false, "port 51678 is not closed from outside");
  verdict.expect(outside.credentials_answered == false, "port 51679 is not closed from outside");
  return verdict.done("51678 and 51679 are reached from the host and its tasks as they should, and not from outside");
}

Check judge_metadata(const GuestBoot& guest) {
  Verdict verdict("metadata");
  verdict.expect(has_fact(guest, "from-container", "metadata closed"),
                 "an ordinary container reaches the instance metadata service, or did not report");
  return verdict.done("an ordinary container cannot reach the instance metadata service");
}

// "NUMBER EXIT-CODE OUTPUT", one for each.
std::vector<Check> judge_assertions(const BootTest& test, const GuestBoot& guest) {
  std::vector<Check> checks;
  const auto& found = guest.all("assertion");
  for (std::size_t at = 0; at < test.assertions.size(); ++at) {
    Verdict verdict(fmt::format("assertion-{}", at + 1));
    const std::string start = fmt::format("{} ", at + 1);
    const auto line =
        std::find_if(found.begin(), found.end(), [&](const std::string& text) { return text.starts_with(start); });
    const std::string outcome = line == found.end() ? not_reported : line->substr(start.size());
    const std::string& description = test.assertions[at].description;
    verdict.expect(outcome == "0" || outcome.starts_with("0 "),
                   fmt::format("{}: it does not: exit code {}", description, outcome));
    checks.push_back(verdict.done(description));
  }
  return checks;
}

Check judge_second_deployment(const GuestBoot& guest) {
  Verdict verdict("second-deployment");
  const auto& status = guest.all("status");
  const auto deployments = std::count_if(status.begin(), status.end(), [](const std::string& line) {
    return !boost::algorithm::contains(line, ":") && boost::algorithm::contains(line, ".");
  });
  verdict.expect(boost::algorithm::contains(value_or(guest, "cmdline"), second_deployment_karg),
                 fmt::format("the kernel's arguments lack {}: {}", second_deployment_karg, value_or(guest, "cmdline")));
  verdict.expect(deployments >= 2, fmt::format("expected two deployments: {}", join(status, " | ")));
  return verdict.done("booted with its own kernel argument, beside the first");
}

Check judge_deploying(const GuestBoot& guest) {
  Verdict verdict("deploy");
  const std::string code = value_or(guest, "deploy-exit");
  verdict.expect(code == "0",
                 fmt::format("`ostree admin deploy`: exit code {}: {}", code, join(guest.all("deploy-output"), " | ")));
  return verdict.done("`ostree admin deploy` succeeded in the guest");
}

// "NUMBER EXIT-CODE DEPLOYMENTS OUTPUT", one for each repository that the host must not take.
std::vector<Check> judge_refusals(const Upgrade& upgrade, const GuestBoot& guest) {
  std::vector<Check> checks;
  const auto& found = guest.all("refused");
  for (std::size_t number = 1; number <= upgrade.refused.size(); ++number) {
    Verdict verdict(fmt::format("refused-{}", number));
    const std::string start = fmt::format("{} ", number);
    const auto line =
        std::find_if(found.begin(), found.end(), [&](const std::string& text) { return text.starts_with(start); });
    const std::string outcome = line == found.end() ? "" : line->substr(start.size());
    const std::string name = upgrade.refused[number - 1].string();
    verdict.expect(!outcome.empty(), not_reported);
    verdict.expect(
        outcome.empty() || outcome.starts_with("1 1 "),
        fmt::format("the host did not refuse to upgrade from '{}': exit code and deployments {}", name, outcome));
    checks.push_back(
        verdict.done(fmt::format("'{}': {}", name, outcome.substr(std::min<std::size_t>(4, outcome.size())))));
  }
  return checks;
}

Check judge_command(const GuestBoot& guest, const std::string& name, const std::string& found) {
  Verdict verdict(name);
  const std::string code = value_or(guest, name + "-exit");
  verdict.expect(code == "0", fmt::format("exit code {}: {}", code, join(guest.all(name + "-output"), " | ")));
  return verdict.done(found);
}

void judge_upgrade(const Upgrade& upgrade, const GuestBoot& guest, std::vector<Check>& checks) {
  if (guest.number == 1) {
    for (Check& check : judge_refusals(upgrade, guest)) checks.push_back(std::move(check));
    checks.push_back(judge_command(guest, "upgrade", fmt::format("to what '{}' has", upgrade.repository.string())));
  } else if (guest.number == 2) {
    checks.push_back(judge_command(guest, "rollback", "the deployment before is the default again"));
  }
}

}  // namespace

std::optional<SeenRequest> find_registration(const std::vector<SeenRequest>& requests) {
  const auto found = std::find_if(requests.begin(), requests.end(),
                                  [](const SeenRequest& seen) { return is_registration(seen.request); });
  if (found == requests.end()) return std::nullopt;
  return *found;
}

std::vector<Check> judge(const BootTest& test, const GuestBoot& guest, const std::vector<SeenRequest>& requests,
                         const OutsideFindings& outside) {
  std::vector<Check> checks;
  if (test.expects_registration) checks.push_back(judge_registration(test, requests));
  if (test.expects_registration && guest.number >= 2) checks.push_back(judge_kept_registration(requests));
  checks.push_back(judge_deployment(test, guest));
  checks.push_back(judge_units(guest));
  checks.push_back(judge_ordering(guest));
  checks.push_back(judge_datasource(test, guest));
  if (!test.container.empty()) checks.push_back(judge_agent(test, guest));
  if (!test.unit.empty()) checks.push_back(judge_agent_unit(test, guest));
  if (!test.directories.empty()) checks.push_back(judge_directories(test, guest));
  checks.push_back(judge_writability(guest));
  checks.push_back(judge_growth(test, guest));
  if (!test.image.empty()) checks.push_back(judge_ordinary_container(test, guest, requests));
  if (test.network_rules) checks.push_back(judge_ports(guest, outside));
  if (test.blocks_metadata) checks.push_back(judge_metadata(guest));
  if (test.task) checks.push_back(judge_task(test, guest.number, requests, outside));
  if (test.restart_control_plane && guest.number == 1) checks.push_back(judge_reconnection(requests, outside));
  if (test.second_deployment && guest.number == 1) checks.push_back(judge_deploying(guest));
  if (test.second_deployment && guest.number >= 2) checks.push_back(judge_second_deployment(guest));
  if (test.upgrade) judge_upgrade(*test.upgrade, guest, checks);
  for (Check& check : judge_assertions(test, guest)) checks.push_back(std::move(check));
  return checks;
}

}  // namespace compose::boot
