// The profile agent-layer/ecs as it is in the repository: what it adds to a tree, and that its parts work.

#include <sstream>

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/algorithm/string/replace.hpp>
#include <boost/filesystem/operations.hpp>

#include "agent/render.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/host_root.hpp"
#include "support/process.hpp"

using namespace compose;
using namespace compose::agent;
using tests::as_text;
using tests::HostRoot;
using tests::installed;
using tests::put;

namespace {

const fs::path kSource = SOURCE_DIR;
const std::string kImageId = "sha256:" + std::string(64, '1');

Settings some_settings() {
  Settings settings;
  settings.cluster = "demo";
  settings.environment = {{"ECS_RESERVED_MEMORY", "64"}};
  settings.image_id = kImageId;
  return settings;
}

std::vector<GeneratedFile> rendered(const Settings& settings = some_settings()) {
  return render(load_profile(kSource / "agent-layer/ecs"), settings);
}

std::string content_of(const std::string& path) {
  for (const GeneratedFile& file : rendered()) {
    if (file.path == path) return file.content;
  }
  FAIL("the profile does not add " << path);
  throw;
}

}  // namespace

TEST_CASE("the ECS profile adds exactly this to a tree") {
  const fs::path golden = kSource / "tests/unit/agent/ecs.golden";
  const std::string text = as_text(rendered());
  if (std::getenv("UPDATE_GOLDEN") != nullptr) write_file_atomically(golden, text);
  CHECK(text == read_file(golden));
}

TEST_CASE("the ECS agent's unit has no ordering cycle, with cloud-init and without") {
  if (!installed("systemd-analyze")) {
    WARN("not checked: systemd-analyze is not installed");
    return;
  }
  const bool with_cloud_init = GENERATE(true, false);
  const HostRoot root(rendered(), with_cloud_init);
  CHECK(root.verify("ecs-agent.service") == "");
}

TEST_CASE("without the order after multi-user.target there would be a cycle") {
  if (!installed("systemd-analyze")) return;
  const HostRoot root(rendered(), true);
  const std::string text = content_of("/usr/lib/systemd/system/ecs-agent-start.service");
  root.unit("ecs-agent-start.service",
            boost::algorithm::replace_all_copy(text, " multi-user.target cloud-final", " cloud-final"));
  const std::string message = root.verify("ecs-agent.service");
  CAPTURE(message);
  CHECK(message.find("ordering cycle") != std::string::npos);
}

TEST_CASE("user data that starts the agent itself need not wait for user data") {
  for (const char* name : {"ecs-agent.service", "ecs-agent-network.service"}) {
    CHECK(content_of(std::string("/usr/lib/systemd/system/") + name).find("cloud-final.service") == std::string::npos);
  }
}

TEST_CASE("tmpfiles.d takes the ECS profile's lines and makes the directories") {
  if (!installed("systemd-tmpfiles") || ::geteuid() != 0) {
    WARN("not checked: needs systemd-tmpfiles and root");
    return;
  }
  const TemporaryDirectory root(fs::temp_directory_path(), "root-");
  put(root.path() / "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  put(root.path() / "etc/group", "root:x:0:\n");
  fs::create_directories(root.path() / "var/mnt");
  put(root.path() / "usr/lib/tmpfiles.d/ecs.conf", content_of("/usr/lib/tmpfiles.d/ecs.conf"));
  run_checked({"systemd-tmpfiles", "--root=" + root.path().string(), "--create", "ecs.conf"});
  CHECK(run_checked({"stat", "-c", "%a %u:%g", (root.path() / "var/lib/ecs/data").string(),
                     (root.path() / "var/log/ecs").string()}) == "700 0:0\n755 0:0\n");
}

namespace {

// The profile's scripts in a root of their own, with programs that write down how they were called.
struct Host {
  TemporaryDirectory root{fs::temp_directory_path(), "host-"};
  std::string prefix = root.path().string();

  explicit Host(const Settings& settings = some_settings()) {
    for (const GeneratedFile& file : rendered(settings)) {
      if (!S_ISREG(file.meta.mode)) continue;
      const bool script = file.path.starts_with("/usr/libexec/");
      const std::string path = boost::algorithm::replace_first_copy(file.path, "/usr/etc/", "/etc/");
      put(root.path() / path, script ? redirected(file.content) : file.content, script ? 0755 : 0644);
    }
    put(root.path() / "usr/lib/os-release", "ID=fedora\nVERSION_ID=42\n");
    for (const char* folder : {"run/ecs", "var/lib/ecs", "var/cache/ecs"}) fs::create_directories(root.path() / folder);
    for (const char* name :
         {"usr/bin/docker", "usr/bin/podman", "bin/iptables", "bin/ip6tables", "bin/sysctl", "bin/ip"})
      program(name, "");
  }

  std::string redirected(std::string script) const {
    for (const char* path : {"/usr/lib/", "/usr/libexec/", "/usr/bin/docker", "/usr/bin/podman", "/usr/bin/nsenter",
                             "/etc/ecs/", "/run/ecs/", "/var/lib/", "/var/cache/"}) {
      boost::algorithm::replace_all(script, path, prefix + path);
    }
    return script;
  }

  // Writes its name and arguments to `calls`, then does as `body` says.
  void program(const std::string& path, const std::string& body) const {
    put(root.path() / path,
        fmt::format("#!/bin/sh\necho \"{} $*\" >>{}/calls\n{}\n", fs::path(path).filename().string(), prefix, body),
        0755);
  }
  void append(const std::string& path, const std::string& text) const {
    put(root.path() / path, (fs::exists(root.path() / path) ? read_file(root.path() / path) : "") + text);
  }
  void script(const std::string& name, const std::vector<std::string>& arguments = {},
              const std::map<std::string, std::string>& environment = {}) const {
    ProcessOptions options;
    for (const auto& [key, value] : environment) options.environment[key] = value;
    options.environment["PATH"] = prefix + "/bin:/usr/bin:/bin";
    std::vector<std::string> command{prefix + "/usr/libexec/ecs-agent-" + name};
    command.insert(command.end(), arguments.begin(), arguments.end());
    run_checked(command, options);
  }
  std::string environment() const {
    script("settings");
    return read_file(root.path() / "run/ecs/agent.env");
  }
  std::string calls() const {
    const fs::path file = root.path() / "calls";
    return fs::exists(file) ? boost::algorithm::replace_all_copy(read_file(file), prefix, "") : "";
  }
};

const std::string kDefaults =
    "ECS_DETAILED_OS_FAMILY=fedora_42\n"
    "ECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\",\"syslog\",\"awslogs\",\"fluentd\",\"none\"]\n"
    "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true\nECS_EBSTA_SUPPORTED=true\n"
    "ECS_VOLUME_PLUGIN_CAPABILITIES=[\"efsAuth\"]\nECS_SELINUX_CAPABLE=true\nECS_ENABLE_TASK_ENI=true\n"
    "ECS_UPDATES_ENABLED=false\nECS_ENABLE_TASK_IAM_ROLE=true\nECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true\n";

}  // namespace

TEST_CASE("the agent's environment is the profile's defaults, then the recipe's configuration") {
  const Host host;
  CHECK(host.environment() == kDefaults + "ECS_CLUSTER=demo\nECS_RESERVED_MEMORY=64\n");
  CHECK((fs::status(host.root.path() / "run/ecs/agent.env").permissions() & 0777) == 0600);
}

TEST_CASE("the recipe counts more than the profile") {
  Settings settings = some_settings();
  settings.environment["ECS_ENABLE_TASK_ENI"] = "false";
  CHECK(Host(settings).environment() ==
        boost::algorithm::replace_first_copy(kDefaults, "TASK_ENI=true", "TASK_ENI=false") +
            "ECS_CLUSTER=demo\nECS_RESERVED_MEMORY=64\n");
}

TEST_CASE("what user data appends to ecs.config counts, each variable once") {
  const Host host;
  host.append("etc/ecs/ecs.config",
              "ECS_CLUSTER=mine\r\n\n# note\n  ECS_LOGLEVEL=debug\nno assignment\nA "
              "B=c\nECS_UPDATES_ENABLED=true\nECS_X=a=\"b\"");
  CHECK(host.environment() ==
        boost::algorithm::replace_all_copy(kDefaults, "UPDATES_ENABLED=false", "UPDATES_ENABLED=true") +
            "ECS_CLUSTER=mine\nECS_RESERVED_MEMORY=64\nECS_LOGLEVEL=debug\nECS_X=a=\"b\"\n");
}

TEST_CASE("user data that writes ecs.config anew leaves the rest of the recipe's configuration in force") {
  const Host host;
  put(host.root.path() / "etc/ecs/ecs.config", "ECS_CLUSTER=mine\n");
  CHECK(host.environment() == kDefaults + "ECS_CLUSTER=mine\nECS_RESERVED_MEMORY=64\n");
}

TEST_CASE("without ecs.config the recipe's configuration holds") {
  const Host host;
  fs::remove(host.root.path() / "etc/ecs/ecs.config");
  CHECK(host.environment() == kDefaults + "ECS_CLUSTER=demo\nECS_RESERVED_MEMORY=64\n");
}

TEST_CASE("the instance's own configuration counts less than /etc's") {
  const Host host;
  host.append("var/lib/ecs/ecs.config", "ECS_CLUSTER=less\nECS_A=1");
  CHECK(host.environment() == kDefaults + "ECS_CLUSTER=demo\nECS_RESERVED_MEMORY=64\nECS_A=1\n");
}

TEST_CASE("the image is loaded when the runtime does not have this very one, and then only") {
  const std::string runtime = GENERATE("docker", "podman");
  const bool has_image = GENERATE(false, true);
  Settings settings = some_settings();
  settings.runtime = runtime;
  const Host host(settings);
  host.program("usr/bin/" + runtime, has_image ? "" : "[ \"$1\" != image ]");
  host.script("prepare");
  const std::string found = runtime + " rm --force ecs-agent\n" + runtime + " image inspect " + kImageId + "\n";
  CHECK(host.calls() == (has_image ? found : found + runtime + " load --quiet --input /usr/lib/ecs/agent.tar\n"));
}

namespace {

std::string run_call(const Host& host) {
  host.script("settings");
  host.script("run");
  return host.calls();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the agent sees of the host what it needs, and what a host may lack only where it is there") {
  const Host host;
  const std::string bare = run_call(host);
  CAPTURE(bare);
  CHECK(has(bare, "docker run --name=ecs-agent --init --net=host "));
  CHECK(has(bare, " --volume=/run:/var/run "));
  CHECK(has(bare, " --volume=/etc/docker/plugins:/etc/docker/plugins:ro "));
  CHECK(has(bare, " --log-driver=json-file "));
  CHECK_FALSE(has(bare, "/managed-agents"));
  CHECK_FALSE(has(bare, "result.json"));
  CHECK(has(bare, " " + kImageId + "\n"));
  fs::create_directories(host.root.path() / "var/lib/ecs/deps");
  put(host.root.path() / "var/lib/cloud/data/result.json", "{}");
  fs::remove(host.root.path() / "calls");
  const std::string full = run_call(host);
  CAPTURE(full);
  CHECK(has(full, " --volume=/var/lib/ecs/deps:/managed-agents:ro "));
  CHECK(has(full, " --volume=/var/lib/cloud/data/result.json:/var/lib/cloud/data/result.json:ro "));
}

TEST_CASE("privileged or with ecs-init's capabilities: the recipe chooses, user data may add") {
  Settings settings = some_settings();
  CHECK(has(run_call(Host(settings)), " --privileged "));
  settings.options["privileged"] = {false, ""};
  const std::string without = run_call(Host(settings));
  CHECK_FALSE(has(without, "--privileged"));
  CHECK(has(without, " --cap-add=NET_ADMIN --cap-add=SYS_ADMIN "));
  const Host host(settings);
  host.append("etc/ecs/ecs.config", "ECS_AGENT_RUN_PRIVILEGED=true\nECS_AGENT_PID_NAMESPACE_HOST=true\n");
  CHECK(has(run_call(host), " --privileged --pid=host " + kImageId));
}

TEST_CASE("under podman the agent is told where the Docker API is") {
  Settings settings = some_settings();
  settings.runtime = "podman";
  const std::string call = run_call(Host(settings));
  CHECK(has(call, "podman run "));
  CHECK(has(call, " --env=DOCKER_HOST=unix:///run/podman/podman.sock "));
  CHECK(has(call, " --log-driver=k8s-file "));
}

TEST_CASE("exit code 42 makes the archive that desired-image names the next start's image, until the tree's changes") {
  const Host host;
  const std::string update = "sha256:" + std::string(64, '2');
  host.append("var/cache/ecs/desired-image", "ecs-agent-v2.tar\n");
  host.program(
      "usr/bin/docker",
      "case $1 in load) echo 'Loaded image: amazon/amazon-ecs-agent:latest' ;; image) echo " + update + " ;; esac");
  host.script("ended", {}, {{"EXIT_STATUS", "1"}});
  CHECK(host.calls() == "");
  host.script("ended", {}, {{"EXIT_STATUS", "42"}});
  CHECK(host.calls() ==
        "docker load --input /var/cache/ecs/ecs-agent-v2.tar\n"
        "docker image inspect --format {{.Id}} amazon/amazon-ecs-agent:latest\n");
  CHECK(has(run_call(host), " " + update + "\n"));
  put(host.root.path() / "var/lib/ecs/updated-image", "sha256:other " + update + "\n");
  fs::remove(host.root.path() / "calls");
  CHECK(has(run_call(host), " " + kImageId + "\n"));
}

TEST_CASE("a desired-image that leads elsewhere is refused") {
  const Host host;
  const std::string name = GENERATE("../../etc/passwd", "a/b.tar", ".", "");
  host.append("var/cache/ecs/desired-image", name + "\n");
  CHECK_THROWS_AS(host.script("ended", {}, {{"EXIT_STATUS", "42"}}), Error);
  CHECK(host.calls() == "");
}

namespace {

// What the network script added (or deleted), a line a rule.
std::string rules(const Host& host, const std::string& action) {
  const std::string body = "case \" $* \" in *' -C '*) exit 1 ;; esac";
  for (const char* name : {"bin/iptables", "bin/ip6tables"}) host.program(name, body);
  fs::remove(host.root.path() / "calls");
  host.script("settings");
  host.script("network", {action});
  std::string text;
  std::istringstream lines(host.calls());
  for (std::string line; std::getline(lines, line);) {
    if (!has(line, " -C ") && !has(line, " -L ")) text += line + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("the network rules are ecs-init's, in its order, and are all taken down") {
  const Host host;
  const bool ipv6 = fs::exists("/proc/net/if_inet6");
  const auto both = [&](const std::string& rule) { return "iptables" + rule + (ipv6 ? "ip6tables" + rule : ""); };
  CHECK(rules(host, "up") ==
        "sysctl -q -w net.ipv4.conf.all.route_localnet=1\n"
        "sysctl -q -e -w net.ipv6.conf.docker0.accept_ra=0\n"
        "iptables -w -t nat -A PREROUTING -p tcp -d 169.254.170.2 --dport 80 -j DNAT --to-destination 127.0.0.1:51679\n"
        "iptables -w -t filter -I INPUT --dst 127.0.0.0/8 ! --src 127.0.0.0/8 -m conntrack ! --ctstate "
        "RELATED,ESTABLISHED,DNAT -j DROP\n" +
            both(" -w -t filter -I INPUT -p tcp --dport 51678 ! -i lo -j DROP\n") +
            both(" -w -t filter -I INPUT -p tcp --dport 51678 -i docker0 -j ACCEPT\n") +
            "iptables -w -t nat -A OUTPUT -p tcp -d 169.254.170.2 --dport 80 -j REDIRECT --to-ports 51679\n"
            "ip -4 route show default\nip route replace 169.254.170.2/32 dev lo scope link\n");
  const std::string down = rules(host, "down");
  for (const char* rule :
       {"nat -D PREROUTING", "filter -D INPUT --dst 127.0.0.0/8", "51678 ! -i lo -j DROP", "51678 -i docker0 -j ACCEPT",
        "nat -D OUTPUT", "ip route del 169.254.170.2/32", "route_localnet=0"}) {
    CAPTURE(rule, down);
    CHECK(has(down, rule));
  }
}

TEST_CASE("user data may open the introspection and do without the filter of loopback") {
  const Host host;
  host.append("etc/ecs/ecs.config",
              "ECS_SKIP_LOCALHOST_TRAFFIC_FILTER=true\nECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS=true\n");
  const std::string up = rules(host, "up");
  CHECK_FALSE(has(up, "DROP"));
  CHECK(has(up, "51678 -i docker0 -j ACCEPT"));
}

TEST_CASE("with IPv4 to the outside there is no route of the agent's own") {
  const Host host;
  host.program("bin/ip", "echo default via 10.0.0.1");
  CHECK_FALSE(has(rules(host, "up"), "ip route replace"));
}

TEST_CASE("tasks are kept from the instance's metadata when the recipe says so") {
  Settings settings = some_settings();
  const std::string rule = "iptables -w -t raw -I PREROUTING -i docker0 -d 169.254.169.254 -j DROP\n";
  CHECK_FALSE(has(rules(Host(settings), "up"), rule));
  settings.options["block-instance-metadata"] = {true, ""};
  const Host host(settings);
  CHECK(has(rules(host, "up"), rule));
  CHECK(has(host.environment(), "ECS_AWSVPC_BLOCK_IMDS=true\n"));
}
