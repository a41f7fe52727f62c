// Each rule of the contract with a tree or a profile that breaks it: contract.golden has all that a person is told.
// After a deliberate change of a text: UPDATE_GOLDEN=1 unit-agent, and read every line of the difference.

#include "agent/contract.hpp"

#include <cstdlib>
#include <functional>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "support/file.hpp"
#include "support/memory_tree.hpp"

namespace compose::agent {
namespace {

using tests::good_host;
using tests::MemoryTree;

const fs::path kSource = SOURCE_DIR;

Bind bind_of(const std::string& source, const std::string& target, bool read_only = false, bool optional = false,
             const std::string& runtime = "") {
  return {source, target, read_only, optional, runtime, ""};
}

Profile small_profile() {
  Profile profile;
  profile.file = "agent-layer/x/agent.toml";
  profile.name = "x";
  profile.summary = "An agent";
  profile.image_archive = "/usr/lib/x/agent.tar";
  profile.image_id_file = "/usr/lib/x/agent.id";
  profile.container = "x-agent";
  profile.runtimes = {"docker", "podman"};
  profile.config_path = "/etc/x/x.config";
  profile.directories = {{"/etc/x"}, {"/var/lib/x/data"}, {"/var/mnt/x"}};
  profile.files = {{"/usr/lib/systemd/system/x.service", 0644, "x.service",
                    "[Service]\nRuntimeDirectory=x y\nExecStart={{run_arguments}}\n[Install]\nWantedBy=a.target\n", ""},
                   {"/usr/lib/systemd/system-preset/40-x.preset", 0644, "x.preset", "enable x.service\n", ""}};
  profile.binds = {bind_of("/run", "/run"), bind_of("/var/lib/x", "/data"), bind_of("/mnt/x", "/mnt/x"),
                   bind_of("/lib", "/lib", true)};
  profile.requirements = {
      {Requirement::Kind::program, {"/usr/sbin/iptables"}, "it writes rules", "take a base with iptables", ""},
      {Requirement::Kind::file, {"/usr/lib/modules"}, "it loads modules", "take a base with a kernel", ""},
      {Requirement::Kind::unit, {"docker.socket"}, "its unit starts Docker", "take moby-engine", "docker"},
      {Requirement::Kind::any, {"/usr/bin/cloud-init", "/usr/bin/ignition"}, "user data", "take cloud-init", ""}};
  profile.sysctls = {{"net.ipv4.ip_forward", "1", "pods reach each other"}};
  profile.ports = {{51678, "introspection"}};
  profile.options = {{"privileged", "run privileged", true, {{"--privileged"}, {}}, {{"--cap-add=NET_ADMIN"}, {}}}};
  return profile;
}

struct Broken {
  std::string name;
  std::function<void(Profile& profile, Settings& settings)> choose;
  std::function<void(MemoryTree& tree)> change;  // after the profile's files are in it
};

void nothing_chosen(Profile&, Settings&) {}
void nothing_changed(MemoryTree&) {}

Broken tree_with(const std::string& name, std::function<void(MemoryTree&)> change) {
  return {name, nothing_chosen, std::move(change)};
}

Broken profile_with(const std::string& name, std::function<void(Profile&, Settings&)> choose) {
  return {name, std::move(choose), nothing_changed};
}

std::vector<Broken> broken_programs() {
  return {
      tree_with("a program is not there", [](MemoryTree& tree) { tree.remove("/usr/sbin/iptables"); }),
      tree_with("a program's link leads to nothing",
                [](MemoryTree& tree) { tree.remove("/usr/sbin/xtables-nft-multi"); }),
      tree_with("a program's links lead in a circle",
                [](MemoryTree& tree) { tree.link("/usr/etc/alternatives/iptables", "/usr/sbin/iptables"); }),
      tree_with("a program that cannot be run", [](MemoryTree& tree) { tree.file("/usr/sbin/xtables-nft-multi"); }),
      tree_with("a folder where a program should be",
                [](MemoryTree& tree) { tree.directory("/usr/sbin/xtables-nft-multi"); }),
      tree_with("a file is not there", [](MemoryTree& tree) { tree.remove("/usr/lib/modules"); }),
      tree_with("nothing reads user data", [](MemoryTree& tree) { tree.remove("/usr/bin/cloud-init"); }),
      tree_with("a unit is not there", [](MemoryTree& tree) { tree.remove("/usr/lib/systemd/system/docker.socket"); }),
      tree_with("a unit is masked in /etc",
                [](MemoryTree& tree) { tree.link("/usr/etc/systemd/system/docker.socket", "/dev/null"); }),
      tree_with("the runtime's program is not there", [](MemoryTree& tree) { tree.remove("/usr/bin/docker"); }),
      tree_with("the runtime's service is masked",
                [](MemoryTree& tree) { tree.link("/usr/lib/systemd/system/docker.service", "/dev/null"); }),
      tree_with("another runtime's socket is put where Docker's is",
                [](MemoryTree& tree) {
                  tree.file("/usr/lib/tmpfiles.d/podman-docker.conf",
                            "L+ /run/docker.sock - - - - /run/podman/podman.sock\n");
                }),
  };
}

std::vector<Broken> broken_paths() {
  const auto bind = [](const Bind& one) { return [one](Profile& profile, Settings&) { profile.binds = {one}; }; };
  return {
      profile_with("nothing makes a bind's source", bind(bind_of("/var/lib/other", "/other"))),
      profile_with("nothing makes a bind's source in /etc", bind(bind_of("/etc/other", "/other"))),
      profile_with("a bind's source cannot be made", bind(bind_of("/usr/lib/docker/plugins", "/plugins", true))),
      profile_with("the agent cannot write to a bind", bind(bind_of("/usr/lib/modules", "/modules"))),
      tree_with("there is no link /mnt", [](MemoryTree& tree) { tree.directory("/mnt"); }),
      {"there is no link /opt", bind(bind_of("/opt/cni", "/opt/cni")), [](MemoryTree& tree) { tree.remove("/opt"); }},
      profile_with("the configuration cannot be changed",
                   [](Profile& profile, Settings&) { profile.config_path = "/usr/lib/x/x.config"; }),
  };
}

std::vector<Broken> broken_settings() {
  const std::string preset = "/usr/lib/systemd/system-preset/";
  const auto socket = [](MemoryTree& tree) {
    tree.unit("other.socket", "[Socket]\nListenStream=[::]:51678\n[Install]\nWantedBy=sockets.target\n");
  };
  return {
      tree_with("an earlier preset turns the agent off",
                [=](MemoryTree& tree) { tree.file(preset + "10-site.preset", "disable x.*\n"); }),
      tree_with("the agent's unit is masked",
                [](MemoryTree& tree) { tree.link("/usr/etc/systemd/system/x.service", "/dev/null"); }),
      tree_with("a later file sets a sysctl otherwise",
                [](MemoryTree& tree) {
                  tree.file("/usr/etc/sysctl.conf", "# site\nnet/ipv4/ip_forward=0\n");
                  tree.link("/usr/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
                }),
      tree_with("a file of /etc hides the agent's sysctls",
                [](MemoryTree& tree) { tree.link("/usr/etc/sysctl.d/90-x.conf", "/dev/null"); }),
      tree_with("a socket that a preset enables has the agent's port",
                [=](MemoryTree& tree) {
                  socket(tree);
                  tree.file(preset + "50-other.preset", "enable other.socket\n");
                }),
      tree_with("a socket that /usr starts has the agent's port",
                [=](MemoryTree& tree) {
                  tree.unit("other.socket", "[Socket]\nListenStream=51678\n");
                  tree.link("/usr/lib/systemd/system/sockets.target.wants/other.socket", "../other.socket");
                }),
      {"SELinux keeps the container from the runtime's socket",
       [](Profile&, Settings& settings) {
         settings.options["privileged"] = {false, ""};
       },
       [](MemoryTree& tree) { tree.file("/usr/etc/selinux/config", "SELINUX=enforcing\n"); }},
      {"SELinux, and the profile has no option for it",
       [](Profile& profile, Settings&) {
         profile.options.clear();
         profile.binds = {bind_of("/var/run/docker.sock", "/var/run/docker.sock")};
       },
       [](MemoryTree& tree) { tree.file("/usr/etc/selinux/config", "SELINUX=enforcing\n"); }},
  };
}

std::vector<Finding> findings_of(const Broken& broken) {
  Chosen chosen{small_profile(), {}};
  broken.choose(chosen.profile, chosen.settings);
  MemoryTree tree = good_host();
  tree.put(chosen.profile, chosen.settings);
  broken.change(tree);
  return check_contract(chosen, tree);
}

bool has_no_findings(const std::function<void(Profile&, Settings&)>& choose,
                     const std::function<void(MemoryTree&)>& change) {
  const auto findings = findings_of({"", choose, change});
  CAPTURE(explain("unexpected", findings));
  return findings.empty();
}

}  // namespace

TEST_CASE("each rule of the contract says what fails on the host, where, and what to do") {
  std::string text;
  for (const auto& group : {broken_programs(), broken_paths(), broken_settings()}) {
    for (const Broken& broken : group) {
      const auto findings = findings_of(broken);
      CAPTURE(broken.name);
      CHECK(findings.size() == 1);
      text += explain(broken.name, findings) + "\n";
    }
  }
  const fs::path golden = kSource / "tests/unit/agent/contract.golden";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) write_file_atomically(golden, text);
  CHECK(text == read_file(golden));
}

TEST_CASE("a good host breaks no rule, under docker and under podman") {
  CHECK(has_no_findings(nothing_chosen, nothing_changed));
  CHECK(has_no_findings([](Profile&, Settings& settings) { settings.runtime = "podman"; }, nothing_changed));
}

TEST_CASE("what only another runtime needs is not missed") {
  CHECK(has_no_findings([](Profile&, Settings& settings) { settings.runtime = "podman"; },
                        [](MemoryTree& tree) {
                          for (const char* path : {"/usr/bin/docker", "/usr/lib/systemd/system/docker.socket",
                                                   "/usr/lib/systemd/system/docker.service"})
                            tree.remove(path);
                        }));
}

TEST_CASE("a bind's source may be made by tmpfiles.d, by a unit, by the kernel, or be optional") {
  CHECK(has_no_findings(
      [](Profile& profile, Settings&) {
        profile.binds = {bind_of("/var/log", "/log"),
                         bind_of("/run/y", "/y"),
                         bind_of("/sys/fs/cgroup", "/sys/fs/cgroup"),
                         bind_of("/var/run/lock", "/lock"),
                         bind_of("/", "/host"),
                         bind_of("/run/docker.sock", "/docker.sock"),
                         bind_of("/var/lib/x", "/x"),
                         bind_of("/usr/none", "/n", true, true),
                         bind_of("/dev/kvm", "/dev/kvm")};
      },
      nothing_changed));
}

TEST_CASE("a runtime's bind counts under that runtime only") {
  const auto choose = [](Profile& profile, Settings& settings, const std::string& runtime) {
    profile.binds = {bind_of("/usr/none", "/none", true, false, "podman")};
    settings.runtime = runtime;
  };
  CHECK(has_no_findings([&](Profile& p, Settings& s) { choose(p, s, "docker"); }, nothing_changed));
  CHECK_FALSE(has_no_findings([&](Profile& p, Settings& s) { choose(p, s, "podman"); }, nothing_changed));
}

TEST_CASE("SELinux keeps no unconfined container, and none without the socket") {
  const auto enforcing = [](MemoryTree& tree) { tree.file("/usr/etc/selinux/config", "SELINUX=enforcing\n"); };
  CHECK(has_no_findings(nothing_chosen, enforcing));
  CHECK(has_no_findings(
      [](Profile& profile, Settings& settings) {
        profile.arguments = {"--security-opt", "label=disable"};
        settings.options["privileged"] = {false, ""};
      },
      enforcing));
  CHECK(has_no_findings(
      [](Profile& profile, Settings& settings) {
        profile.binds = {bind_of("/var/lib/x", "/data")};
        settings.options["privileged"] = {false, ""};
      },
      enforcing));
}

TEST_CASE("a socket that nothing starts, a preset of the profile's own and an earlier sysctl are in nobody's way") {
  CHECK(has_no_findings(nothing_chosen, [](MemoryTree& tree) {
    tree.unit("other.socket", "[Socket]\nListenStream=51678\n[Install]\nWantedBy=sockets.target\n");
    tree.unit("masked.socket", "[Socket]\nListenStream=51678\n");
    tree.link("/usr/lib/systemd/system/sockets.target.wants/masked.socket", "../masked.socket");
    tree.link("/usr/etc/systemd/system/masked.socket", "/dev/null");
    tree.unit("path.socket", "[Socket]\nListenStream=/run/a:51678\n");
    tree.link("/usr/lib/systemd/system/sockets.target.wants/path.socket", "../path.socket");
    tree.file("/usr/lib/sysctl.d/10-default.conf", "net.ipv4.ip_forward = 0\nnet.ipv4.* = 0\n");
    tree.file("/usr/lib/systemd/system-preset/50-site.preset", "disable x.service\n");
  }));
  CHECK(has_no_findings([](Profile& profile, Settings&) { profile.files[1].text = "disable x.service\n"; },
                        nothing_changed));
}

TEST_CASE("no rule is broken by a profile of the project on a good host") {
  const std::string name = GENERATE("ecs", "k3s", "ssm");
  const std::string runtime = GENERATE("docker", "podman");
  Chosen chosen{load_profile(kSource / "agent-layer" / name), {}};
  chosen.settings.runtime = runtime;
  MemoryTree tree = good_host();
  tree.file("/usr/etc/selinux/config", "SELINUX=enforcing\n");
  tree.put(chosen.profile, chosen.settings);
  const auto findings = check_contract(chosen, tree);
  CAPTURE(explain(name, findings));
  CHECK(findings.empty());
}

}  // namespace compose::agent
