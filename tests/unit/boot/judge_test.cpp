#include "boot/judge.hpp"

#include "boot/outside.hpp"

#include <algorithm>
#include <utility>

#include <catch2/catch.hpp>

using namespace compose::boot;

namespace {

const std::string commit(64, 'a');

BootTest expectations() {
  BootTest test;
  test.cluster = "blue";
  test.stateroot = "demo";
  test.commit = commit;
  test.ref = "debian-atomic/12/x86_64/ecs";
  test.directories = {{"/etc/ecs", 0755, "root:root"}, {"/var/lib/ecs/data", 0700, "root:root"}};
  test.image = "localhost/ecs-agent:latest";
  return test;
}

GuestBoot good_guest() {
  GuestBoot guest;
  guest.number = 1;
  guest.complete = true;
  guest.facts = {
      {"cmdline", {"root=LABEL=root rw"}},
      {"system-state", {"running"}},
      {"status", {"* demo " + commit + ".0", "Version: 1", "origin refspec: debian-atomic/12/x86_64/ecs"}},
      {"directory", {"755 root:root /etc/ecs", "700 root:root /var/lib/ecs/data"}},
      {"read-only", {"/usr", "/sysroot"}},
      {"writable", {"/etc", "/var"}},
      {"filesystem-bytes", {"6002180096"}},
      {"partition-start-bytes", {"304087040"}},
      {"partition-bytes", {"6138346496"}},
      {"disk-bytes", {"6442450944"}},
      {"agent", {"true true host"}},
      {"datasource", {"nocloud"}},
      {"authorized", {"/home/debian"}},
      {"from-container", {"control-plane open", "metadata closed"}},
      {"probe-exit", {"0"}},
      {"probe", {"false default docker-default"}},
      {"apparmor", {"Y"}},
  };
  return guest;
}

std::vector<SeenRequest> good_requests() {
  const ApiRequest registration{"POST", "/", "AmazonEC2ContainerServiceV20141113.RegisterContainerInstance",
                                R"({"cluster":"blue"})"};
  return {{{}, registration, 200}, {{}, {"POST", "/probe/1", "", ""}, 200}};
}

Check check_of(const std::string& name, const BootTest& test, const GuestBoot& guest,
               const std::vector<SeenRequest>& requests) {
  const auto checks = judge(test, guest, requests, {});
  const auto found = std::find_if(checks.begin(), checks.end(), [&](const Check& check) { return check.name == name; });
  REQUIRE(found != checks.end());
  return *found;
}

// The check `name` fails and says `words` when the guest's fact is `values`; no other check fails.
void fails_with(const std::string& name, const std::string& fact, const std::vector<std::string>& values,
                const std::string& words) {
  GuestBoot guest = good_guest();
  guest.facts[fact] = values;
  for (const Check& check : judge(expectations(), guest, good_requests(), {})) {
    INFO(check.name << ": " << check.detail);
    CHECK(check.passed == (check.name != name));
    if (check.name == name) CHECK(check.detail.find(words) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("a host as it should be passes every check") {
  const auto checks = judge(expectations(), good_guest(), good_requests(), {});
  CHECK(checks.size() == 10);
  for (const Check& check : checks) {
    INFO(check.name << ": " << check.detail);
    CHECK(check.passed);
    CHECK_FALSE(check.detail.empty());
  }
}

TEST_CASE("a guest that reports nothing passes no check") {
  BootTest test = expectations();
  test.second_deployment = true;
  test.task = Task();
  test.restart_control_plane = test.network_rules = test.blocks_metadata = true;
  test.assertions = {command_succeeds("true")};
  BootTest upgrading = expectations();
  upgrading.upgrade = Upgrade{"hosts", "/srv/repo", commit, {"/srv/tampered"}};
  for (const BootTest& one : {test, upgrading}) {
    for (const unsigned boot : {1U, 2U}) {
      GuestBoot silent;
      silent.number = boot;
      for (const Check& check : judge(one, silent, {}, {})) {
        INFO(check.name << ": " << check.detail);
        CHECK_FALSE(check.passed);
      }
    }
  }
}

TEST_CASE("a registration with another cluster fails, as when the user data lost against the image") {
  auto requests = good_requests();
  requests[0].request.body = R"({"cluster":"default"})";
  const Check check = check_of("registered", expectations(), good_guest(), requests);
  CHECK_FALSE(check.passed);
  CHECK(check.detail == "registered with cluster 'default', not with the user data's 'blue'");
}

TEST_CASE("a registration that was refused or is no JSON fails") {
  auto requests = good_requests();
  requests[0].status = 400;
  requests[0].request.body = "{";
  CHECK_FALSE(check_of("registered", expectations(), good_guest(), requests).passed);
}

TEST_CASE("another commit, stateroot or origin fails the deployment check") {
  const std::string origin = "origin refspec: debian-atomic/12/x86_64/ecs";
  fails_with("deployment", "status", {"* demo " + std::string(64, 'b') + ".0", origin}, "expected commit " + commit);
  fails_with("deployment", "status", {"* other " + commit + ".0", origin}, "expected stateroot 'demo'");
  fails_with("deployment", "status", {"* demo " + commit + ".0", "origin refspec: other"}, "expected refspec");
  fails_with("deployment", "status", {"demo " + commit + ".0", origin}, "no booted deployment");
}

TEST_CASE("an origin with a remote's name is the same ref") {
  GuestBoot guest = good_guest();
  guest.facts["status"][2] = "origin refspec: fedora:debian-atomic/12/x86_64/ecs";
  CHECK(check_of("deployment", expectations(), guest, good_requests()).passed);
}

TEST_CASE("a pending deployment's origin is not taken for the booted one's") {
  GuestBoot guest = good_guest();
  guest.facts["status"] = {"demo " + std::string(64, 'b') + ".0 (pending)", "origin refspec: other",
                           "* demo " + commit + ".0", "origin refspec: debian-atomic/12/x86_64/ecs"};
  CHECK(check_of("deployment", expectations(), guest, good_requests()).passed);
}

TEST_CASE("a failed unit, a system not running and an ordering cycle fail") {
  fails_with("units", "failed-unit", {"docker.service loaded failed failed Docker"}, "docker.service");
  fails_with("units", "system-state", {"degraded"}, "the system is 'degraded'");
  fails_with("ordering", "ordering-cycle", {"docker.socket: Found ordering cycle on a/start"}, "Found ordering cycle");
}

TEST_CASE("an agent without privilege or host network fails") {
  fails_with("agent", "agent", {"true false host"}, "'true false host'");
  fails_with("agent", "agent", {"Error: No such object: ecs-agent"}, "No such object");
}

TEST_CASE("a directory with another mode or owner, or missing, fails") {
  fails_with("directories", "directory", {"755 root:root /etc/ecs", "755 root:root /var/lib/ecs/data"},
             "expected '700 root:root /var/lib/ecs/data', found '755 root:root /var/lib/ecs/data'");
  fails_with("directories", "directory", {"755 root:root /etc/ecs", "missing - /var/lib/ecs/data"}, "missing");
  fails_with("directories", "directory", {"755 root:root /etc/ecs"}, "did not report");
  fails_with("directories", "directory", {"755 root:root /etc/ecs", "700 root:root / /var/lib/ecs/data"},
             "did not report");
}

TEST_CASE("a writable /usr and a read-only /var fail") {
  fails_with("read-only", "read-only", {"/sysroot"}, "/usr can be written to");
  fails_with("read-only", "writable", {"/etc"}, "/var cannot be written to");
}

TEST_CASE("a root that did not grow fails: the partition, the file system, the disk asked for") {
  fails_with("grown", "partition-bytes", {"2916089856"}, "the root partition ends at 3220176896");
  fails_with("grown", "filesystem-bytes", {"2800000000"}, "the root file system has 2800000000 bytes");
  fails_with("grown", "disk-bytes", {"none"}, "did not report");
  BootTest test = expectations();
  test.disk_size_bytes = 8U * (std::uint64_t{1} << 30U);
  CHECK_FALSE(check_of("grown", test, good_guest(), good_requests()).passed);
}

TEST_CASE("an ordinary container has to reach the control plane") {
  auto requests = good_requests();
  requests.pop_back();
  const Check check = check_of("ordinary-container", expectations(), good_guest(), requests);
  CHECK(check.detail == "its request did not reach the control plane");
}

TEST_CASE("an ordinary container has to be unprivileged, bridged and confined") {
  fails_with("ordinary-container", "probe-exit", {"125"}, "exit code 125");
  fails_with("ordinary-container", "probe", {"true default docker-default"}, "expected unprivileged");
  fails_with("ordinary-container", "probe", {"false host docker-default"}, "expected unprivileged");
  fails_with("ordinary-container", "probe", {"false default unconfined"}, "AppArmor profile docker-default");
}

TEST_CASE("without AppArmor in the kernel a container needs no profile") {
  GuestBoot guest = good_guest();
  guest.facts["apparmor"] = {"N"};
  guest.facts["probe"] = {"false bridge"};
  CHECK(check_of("ordinary-container", expectations(), guest, good_requests()).passed);
}

TEST_CASE("a second deployment boots with its kernel argument beside the first") {
  BootTest test = expectations();
  test.second_deployment = true;
  GuestBoot guest = good_guest();
  guest.number = 2;
  guest.facts["cmdline"] = {"root=LABEL=root atomic-compose.boot-test=2 rw"};
  const std::string origin = "origin refspec: debian-atomic/12/x86_64/ecs";
  guest.facts["status"] = {"* demo " + commit + ".1", origin, "demo " + commit + ".0 (rollback)", origin};
  CHECK(check_of("second-deployment", test, guest, good_requests()).passed);
  guest.facts["cmdline"] = {"root=LABEL=root rw"};
  CHECK_FALSE(check_of("second-deployment", test, guest, good_requests()).passed);
}

TEST_CASE("a second deployment that could not be made says why") {
  BootTest test = expectations();
  test.second_deployment = true;
  GuestBoot guest = good_guest();
  guest.facts["deploy-exit"] = {"1"};
  guest.facts["deploy-output"] = {"error: No space left on device"};
  const Check check = check_of("deploy", test, guest, good_requests());
  CHECK(check.detail == "`ostree admin deploy`: exit code 1: error: No space left on device");
}

TEST_CASE("an upgrade is judged by what was refused, what was taken, and what is booted then") {
  BootTest test = expectations();
  const std::string next(64, 'e');
  test.upgrade = Upgrade{"hosts", "/srv/repo", next, {"/srv/tampered", "/srv/foreign"}};
  GuestBoot guest = good_guest();
  guest.facts["refused"] = {"1 1 1 error: corrupted", "2 1 1 error: GPG: no signature"};
  guest.facts["upgrade-exit"] = {"0"};
  CHECK(check_of("refused-1", test, guest, good_requests()).detail == "'/srv/tampered': error: corrupted");
  CHECK(check_of("refused-2", test, guest, good_requests()).passed);
  CHECK(check_of("upgrade", test, guest, good_requests()).passed);
  // Taken, or refused only after a deployment was made of it.
  for (const char* outcome : {"2 0 2 ", "2 1 2 error: late"}) {
    guest.facts["refused"][1] = outcome;
    CHECK_FALSE(check_of("refused-2", test, guest, good_requests()).passed);
  }
  guest.facts["upgrade-exit"] = {"1"};
  guest.facts["upgrade-output"] = {"error: No space left on device"};
  CHECK(check_of("upgrade", test, guest, good_requests()).detail == "exit code 1: error: No space left on device");

  guest.facts["rollback-exit"] = {"0"};
  guest.number = 2;
  CHECK(check_of("rollback", test, guest, good_requests()).passed);
  CHECK_FALSE(check_of("deployment", test, guest, good_requests()).passed);
  guest.facts["status"] = {"* demo " + next + ".0", "origin refspec: hosts:" + test.ref};
  CHECK(check_of("deployment", test, guest, good_requests()).passed);
  guest.number = 3;
  CHECK_FALSE(check_of("deployment", test, guest, good_requests()).passed);
}

TEST_CASE("another datasource than the one that was offered, or a key that is not authorized, fails") {
  fails_with("datasource", "datasource", {"none"}, "cloud-init took 'none', expected 'nocloud'");
  fails_with("datasource", "authorized", {}, "no user's authorized_keys");
  BootTest test = expectations();
  test.datasource = Datasource::ec2;
  CHECK_FALSE(check_of("datasource", test, good_guest(), good_requests()).passed);
}

TEST_CASE("after a reboot the agent has to register as the instance it was") {
  GuestBoot guest = good_guest();
  guest.number = 2;
  auto requests = good_requests();
  CHECK_FALSE(check_of("kept-registration", expectations(), guest, requests).passed);
  requests[0].request.body = R"({"cluster":"blue","containerInstanceArn":"arn:x"})";
  CHECK(check_of("kept-registration", expectations(), guest, requests).detail == "registered again as arn:x");
}

TEST_CASE("an agent that is no container, or one that does not register, is not asked to be one") {
  BootTest test = expectations();
  test.container.clear();
  test.expects_registration = false;
  for (const Check& check : judge(test, good_guest(), {}, {})) {
    CHECK(check.name != "agent");
    CHECK(check.name != "registered");
  }
}

TEST_CASE("an agent that is no container has to be an active unit whose process is on the host itself") {
  BootTest test = expectations();
  test.container.clear();
  test.unit = "ecs.service";
  GuestBoot guest = good_guest();
  guest.facts["agent-unit"] = {"active host /usr/libexec/agent"};
  const Check check = check_of("agent", test, guest, good_requests());
  CHECK(check.passed);
  CHECK(check.detail == "unit 'ecs.service' is active, on the host itself: /usr/libexec/agent");
  for (const char* found : {"active elsewhere /agent", "failed elsewhere ", "activating host /usr/libexec/agent", ""}) {
    CAPTURE(found);
    guest.facts["agent-unit"] = {found};
    CHECK_FALSE(check_of("agent", test, guest, good_requests()).passed);
  }
  guest.facts.erase("agent-unit");
  CHECK_FALSE(check_of("agent", test, guest, good_requests()).passed);
}

TEST_CASE("an agent that is to have no privilege fails with it") {
  BootTest test = expectations();
  test.privileged = false;
  CHECK_FALSE(check_of("agent", test, good_guest(), good_requests()).passed);
  GuestBoot guest = good_guest();
  guest.facts["agent"] = {"true false host"};
  CHECK(check_of("agent", test, guest, good_requests()).passed);
}

TEST_CASE("podman's ordinary container has podman's AppArmor profile") {
  BootTest test = expectations();
  test.runtime = "podman";
  GuestBoot guest = good_guest();
  CHECK_FALSE(check_of("ordinary-container", test, guest, good_requests()).passed);
  guest.facts["probe"] = {"false bridge containers-default-0.50.1"};
  CHECK(check_of("ordinary-container", test, guest, good_requests()).passed);
}

namespace {

SeenRequest task_report(const std::string& status, const std::string& containers) {
  return {{},
          {"POST", "/", "AmazonEC2ContainerServiceV20141113.SubmitTaskStateChange",
           R"({"cluster":"blue","task":")" + task_arn(Task(), "blue") + R"(","status":")" + status +
               R"(","containers":)" + containers + "}"},
          200};
}

Check task_check(const std::string& bindings, const std::string& code, std::optional<bool> answered) {
  BootTest test = expectations();
  test.task = Task();
  auto requests = good_requests();
  requests.push_back(task_report("RUNNING", R"([{"networkBindings":)" + bindings + "}]"));
  requests.push_back(task_report("STOPPED", R"([{"exitCode":)" + code + "}]"));
  OutsideFindings outside;
  outside.task_answered = answered;
  const auto checks = judge(test, good_guest(), requests, outside);
  return *std::find_if(checks.begin(), checks.end(), [](const Check& check) { return check.name == "task"; });
}

}  // namespace

TEST_CASE("a task has to run with its port, answer from outside and end with 0") {
  const std::string bound = R"([{"bindIP":"0.0.0.0","containerPort":80,"hostPort":8099,"protocol":"tcp"}])";
  CHECK(task_check(bound, "0", true).passed);
  CHECK(task_check("[]", "0", true).detail.find("expected host port 8099") != std::string::npos);
  CHECK(task_check(bound, "137", true).detail.find("exit code 137") != std::string::npos);
  CHECK(task_check(bound, "0", false).detail.find("did not answer") != std::string::npos);
  CHECK_FALSE(task_check(bound, "0", std::nullopt).passed);
}

TEST_CASE("the ports' rules are judged from the host, from a container and from outside") {
  BootTest test = expectations();
  test.network_rules = true;
  GuestBoot guest = good_guest();
  guest.facts["from-host"] = {"introspection open", "credentials open", "task-credentials open"};
  guest.facts["from-container"] = {"control-plane open", "introspection open", "credentials closed",
                                   "task-credentials open"};
  OutsideFindings outside;
  outside.introspection_answered = outside.credentials_answered = false;
  const auto passed = [&] {
    const auto checks = judge(test, guest, good_requests(), outside);
    return std::find_if(checks.begin(), checks.end(), [](const Check& check) { return check.name == "ports"; })->passed;
  };
  CHECK(passed());
  for (const char* from : {"from-host", "from-container"}) {
    for (std::string& fact : guest.facts[from]) {
      if (fact.starts_with("control-plane")) continue;
      const std::string right = std::exchange(fact, fact.ends_with("open") ? "introspection closed" : "x open");
      CHECK_FALSE(passed());
      fact = right;
    }
  }
  outside.introspection_answered = true;
  CHECK_FALSE(passed());
  outside.introspection_answered = false;
  outside.credentials_answered.reset();
  CHECK_FALSE(passed());
}

TEST_CASE("metadata that tasks must not reach is judged by a container that tried") {
  BootTest test = expectations();
  test.blocks_metadata = true;
  GuestBoot guest = good_guest();
  CHECK(check_of("metadata", test, guest, good_requests()).passed);
  guest.facts["from-container"] = {"metadata open"};
  CHECK_FALSE(check_of("metadata", test, guest, good_requests()).passed);
}

TEST_CASE("an assertion that does not hold tells what was found instead") {
  BootTest test = expectations();
  test.assertions = {unit_is_active("a.service"), unit_is_active("b.service")};
  GuestBoot guest = good_guest();
  guest.facts["assertion"] = {"1 0 active", "2 3 inactive"};
  CHECK(check_of("assertion-1", test, guest, good_requests()).passed);
  CHECK(check_of("assertion-2", test, guest, good_requests()).detail ==
        "unit b.service is active: it does not: exit code 3 inactive");
}
