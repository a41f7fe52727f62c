#include "boot/judge.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <nlohmann/json.hpp>

#include "boot/seed.hpp"

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
  const std::string text = guest.fact(name).value_or("");
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > (std::uint64_t{1} << 60U))
    return std::nullopt;
  return value;
}

Check judge_registration(const BootTest& test, const Requests& requests) {
  Verdict verdict("registered");
  const auto seen = find_registration(requests);
  if (!seen) {
    verdict.expect(false, fmt::format("no RegisterContainerInstance among {} requests", requests.size()));
    return verdict.done({});
  }
  const auto body = nlohmann::json::parse(seen->request.body, nullptr, false);
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
  verdict.expect(test.commit.empty() || boost::algorithm::contains(*booted, " " + test.commit + "."),
                 fmt::format("booted '{}', expected commit {}", *booted, test.commit));
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
  verdict.expect(found == "true true host",
                 fmt::format("container '{}': expected running, privileged, network mode 'true true host', found '{}'",
                             test.container, found));
  return verdict.done(fmt::format("container '{}' runs privileged with the host's network", test.container));
}

// "PRIVILEGED NETWORK APPARMOR-PROFILE" of the ordinary container; the profile is of interest where the kernel has
// AppArmor.
Check judge_ordinary_container(const GuestBoot& guest, const Requests& requests) {
  Verdict verdict("ordinary-container");
  const bool seen = std::any_of(requests.begin(), requests.end(),
                                [](const SeenRequest& request) { return request.request.path.starts_with("/probe"); });
  const std::string code = value_or(guest, "probe-exit");
  const std::string found = value_or(guest, "probe");
  const bool ordinary = found.starts_with("false default") || found.starts_with("false bridge");
  verdict.expect(code == "0", fmt::format("exit code {}: {}", code, join(guest.all("probe-output"), " | ")));
  verdict.expect(seen, "its request did not reach the control plane");
  verdict.expect(ordinary, fmt::format("expected unprivileged on the bridge network, found '{}'", found));
  const bool apparmor = guest.fact("apparmor") == "Y";
  verdict.expect(!apparmor || found.ends_with(" docker-default"),
                 fmt::format("expected the AppArmor profile docker-default, found '{}'", found));
  return verdict.done(apparmor ? "reached the control plane, AppArmor profile docker-default"
                               : "reached the control plane; AppArmor is off in this kernel");
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

}  // namespace

std::optional<SeenRequest> find_registration(const std::vector<SeenRequest>& requests) {
  const auto found = std::find_if(requests.begin(), requests.end(),
                                  [](const SeenRequest& seen) { return is_registration(seen.request); });
  if (found == requests.end()) return std::nullopt;
  return *found;
}

std::vector<Check> judge(const BootTest& test, const GuestBoot& guest, const std::vector<SeenRequest>& requests) {
  std::vector<Check> checks;
  checks.push_back(judge_registration(test, requests));
  checks.push_back(judge_deployment(test, guest));
  checks.push_back(judge_units(guest));
  checks.push_back(judge_ordering(guest));
  checks.push_back(judge_agent(test, guest));
  if (!test.directories.empty()) checks.push_back(judge_directories(test, guest));
  checks.push_back(judge_writability(guest));
  checks.push_back(judge_growth(test, guest));
  if (!test.image.empty()) checks.push_back(judge_ordinary_container(guest, requests));
  if (test.second_deployment && guest.number == 1) checks.push_back(judge_deploying(guest));
  if (guest.number >= 2) checks.push_back(judge_second_deployment(guest));
  return checks;
}

}  // namespace compose::boot
