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
    for (const char* folder : {"run/ecs", "var/lib/ecs", "var/cache/ecs", "mnt/ecs/ebs", "root"}) {
      fs::create_directories(root.path() / folder);
    }
    for (const char* name :
         {"usr/bin/docker", "usr/bin/podman", "bin/iptables", "bin/ip6tables", "bin/sysctl", "bin/ip"})
      program(name, "");
  }

  std::string redirected(std::string script) const {
    for (const char* path : {"/usr/lib/", "/usr/libexec/", "/usr/bin/docker", "/usr/bin/podman", "/usr/bin/nsenter",
                             "/etc/ecs/", "/run/ecs/", "/var/lib/", "/var/cache/", "/var/credentials-fetcher/",
                             "/mnt/ecs/", "/root/.aws", "/dev/nvidia", "/sys/kernel/security/", "/sys/module/"}) {
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
  // ecs.config as user data writes it.
  void configured(const std::string& text) const { put(root.path() / "etc/ecs/ecs.config", text); }
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
    "ECS_SELINUX_CAPABLE=true\nECS_ENABLE_TASK_ENI=true\n"
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

// How the agent's container is run, as the unit does it.
std::string run_call(const Host& host) {
  fs::remove(host.root.path() / "calls");
  host.script("settings");
  host.script("devices");
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
  const std::string full = run_call(host);
  CAPTURE(full);
  CHECK(has(full, " --volume=/var/lib/ecs/deps:/managed-agents:ro "));
  CHECK(has(full, " --volume=/var/lib/cloud/data/result.json:/var/lib/cloud/data/result.json:ro "));
}

TEST_CASE("privileged or with ecs-init's capabilities: the recipe chooses, user data may add") {
  Settings settings = some_settings();
  const std::string with = run_call(Host(settings));
  CHECK(has(with, " --privileged "));
  CHECK_FALSE(has(with, "--cap-add"));
  settings.options["privileged"] = {false, ""};
  const Host host(settings);
  const std::string without = run_call(host);
  CHECK_FALSE(has(without, "--privileged"));
  CHECK(has(without, " --cap-add=NET_ADMIN --cap-add=SYS_ADMIN " + kImageId));
  host.configured("ECS_AGENT_RUN_PRIVILEGED=true\nECS_AGENT_PID_NAMESPACE_HOST=true\n");
  CHECK(has(run_call(host), " --privileged --pid=host " + kImageId));
}

TEST_CASE("the agent sees the host's processes for each word that means true to ecs-init, and no other") {
  const auto [word, meant] = GENERATE(table<std::string, bool>({{"1", true},
                                                                {"t", true},
                                                                {"T", true},
                                                                {"true", true},
                                                                {"True", true},
                                                                {"TRUE", true},
                                                                {"yes", false},
                                                                {"tRUE", false},
                                                                {"0", false},
                                                                {"", false}}));
  CAPTURE(word);
  const Host host;
  host.configured("ECS_AGENT_PID_NAMESPACE_HOST=" + word + "\n");
  CHECK(has(run_call(host), " --pid=host ") == meant);
}

TEST_CASE("the configuration of ECS Exec's agent may be written where that is installed") {
  const Host host;
  const fs::path folder = host.root.path() / "var/lib/ecs/deps/execute-command";
  CHECK_FALSE(has(run_call(host), "execute-command"));
  fs::create_directories(folder);
  CHECK(has(run_call(host),
            " --volume=/var/lib/ecs/deps/execute-command/config:/managed-agents/execute-command/config "));
  CHECK(fs::is_directory(folder / "config"));
}

TEST_CASE("the plugin for EFS volumes is told of where the host has it, and the agent's unit starts it") {
  const Host host;
  CHECK_FALSE(has(host.environment(), "ECS_VOLUME_PLUGIN_CAPABILITIES"));
  host.program("usr/libexec/amazon-ecs-volume-plugin", "");
  CHECK(has(host.environment(), "\nECS_VOLUME_PLUGIN_CAPABILITIES=[\"efsAuth\"]\n"));
  host.configured("ECS_VOLUME_PLUGIN_CAPABILITIES=[]\n");
  CHECK(has(host.environment(), "\nECS_VOLUME_PLUGIN_CAPABILITIES=[]\n"));
  const std::string unit = content_of("/usr/lib/systemd/system/ecs-agent.service");
  CHECK(has(unit, "Wants=network-online.target amazon-ecs-volume-plugin.service\n"));
}

TEST_CASE("without the folder of EBS volumes the agent offers none, whatever is set") {
  const Host host;
  CHECK(has(host.environment(), "\nECS_EBSTA_SUPPORTED=true\n"));
  fs::remove(host.root.path() / "mnt/ecs/ebs");
  host.configured("ECS_EBSTA_SUPPORTED=true\n");
  CHECK(has(host.environment(), "\nECS_EBSTA_SUPPORTED=false\n"));
}

TEST_CASE("outside of EC2 the agent has its credentials' folder, and neither capabilities nor what is EC2's") {
  Settings settings = some_settings();
  settings.options["privileged"] = {false, ""};
  const Host host(settings);
  put(host.root.path() / "var/lib/cloud/data/result.json", "{}");
  CHECK_FALSE(has(run_call(host), "rotatingcreds"));
  CHECK_FALSE(fs::exists(host.root.path() / "root/.aws"));
  host.configured("ECS_EXTERNAL=true\nECS_ENABLE_TASK_ENI=true\n");
  const std::string call = run_call(host);
  CAPTURE(call);
  CHECK(has(call, " --volume=/root/.aws:/rotatingcreds:ro "));
  CHECK((fs::status(host.root.path() / "root/.aws").permissions() & 0777) == 0700);
  CHECK_FALSE(has(call, "--cap-add"));
  CHECK_FALSE(has(call, "result.json"));
  CHECK(has(host.environment(), "\nECS_ENABLE_TASK_ENI=false\n"));
}

TEST_CASE("with gMSA the agent is told of the credentials-fetcher, and gets its socket where it is there") {
  const Host host;
  const std::string socket = "/var/credentials-fetcher/socket/credentials_fetcher.sock";
  host.program("bin/realm", "echo 'realm-name: EXAMPLE.COM'");
  CHECK_FALSE(has(host.environment(), "CREDENTIALS_FETCHER"));
  CHECK_FALSE(has(host.environment(), "ECS_DOMAIN_JOINED"));
  CHECK_FALSE(has(host.calls(), "realm"));
  host.configured("ECS_GMSA_SUPPORTED=true\n");
  CHECK(has(host.environment(), "CREDENTIALS_FETCHER_HOST_DIR=" + host.prefix + socket + "\n"));
  CHECK_FALSE(has(run_call(host), "fetcher.sock"));
  put(host.root.path() / socket, "");
  CHECK(has(run_call(host), " --volume=" + socket + ":" + socket + " "));
  host.configured("ECS_GMSA_SUPPORTED=true\nCREDENTIALS_FETCHER_HOST=unix:///other.sock\n");
  CHECK(has(host.environment(), "CREDENTIALS_FETCHER_HOST_DIR=/other.sock\n"));
}

TEST_CASE("with gMSA the agent is told of the host's domain when there is one") {
  const Host host;
  host.configured("ECS_GMSA_SUPPORTED=true\n");
  CHECK_FALSE(has(host.environment(), "ECS_DOMAIN_JOINED"));
  host.program("bin/realm", "");
  CHECK_FALSE(has(host.environment(), "ECS_DOMAIN_JOINED"));
  host.program("bin/realm", "echo 'realm-name: EXAMPLE.COM'");
  CHECK(has(host.environment(), "ECS_DOMAIN_JOINED_LINUX_INSTANCE=true\n"));
  host.configured("ECS_GMSA_SUPPORTED=true\nECS_DOMAIN_JOINED_LINUX_INSTANCE=false\n");
  CHECK(has(host.environment(), "ECS_DOMAIN_JOINED_LINUX_INSTANCE=false\n"));
}

TEST_CASE("the agent gets the socket that DOCKER_HOST names, unless it sees it anyway") {
  const Host host;
  const std::string elsewhere = host.prefix + "/srv/docker.sock";
  host.configured("DOCKER_HOST=unix://" + elsewhere + "\n");
  CHECK_FALSE(has(run_call(host), "docker.sock"));
  put(elsewhere, "");
  CHECK(has(run_call(host), " --volume=/srv/docker.sock:/srv/docker.sock "));
  for (const char* other : {"unix:///run/docker.sock", "unix:///var/run/docker.sock", "tcp://127.0.0.1:2375"}) {
    host.configured(std::string("DOCKER_HOST=") + other + "\n");
    CHECK_FALSE(has(run_call(host), "docker.sock"));
  }
}

namespace {

// The arguments of `run`, apart: some have blanks.
std::string options_of(const Host& host, const std::string& configuration) {
  host.configured(configuration);
  host.script("settings");
  ProcessOptions options;
  options.environment["PATH"] = host.prefix + "/bin:/usr/bin:/bin";
  return run_checked({host.prefix + "/usr/libexec/ecs-agent-options"}, options);
}

}  // namespace

TEST_CASE("the container has the labels of ECS_AGENT_LABELS, as they are") {
  const Host host;
  CHECK_FALSE(has(options_of(host, "ECS_AGENT_LABELS=\n"), "--label"));
  CHECK_FALSE(has(options_of(host, "ECS_AGENT_LABELS={}\n"), "--label"));
  const std::string labels =
      options_of(host, R"(ECS_AGENT_LABELS={"a":"b", "c d" : "$(id) `id` \"q\" \\ \/ \u00e9\u20ac\ud83d\ude00 %s"})"
                       "\n");
  CHECK(has(labels, "\n--label=a=b\n--label=c d=$(id) `id` \"q\" \\ / é€😀 %s\n"));
}

TEST_CASE("labels that are no JSON object of strings are left out, and the agent runs") {
  const std::string labels =
      GENERATE("a=b", "null", R"(["a"])", R"({"a":5})", R"({"a":"b",})", R"({"a":"b"} x)", R"({"a":"b)", R"({"a" "b"})",
               R"({"a":"x\ny"})", R"({"":"x"})", R"({"a":"\ud83d"})", R"({"a":"\u00zz"})");
  CAPTURE(labels);
  const Host host;
  host.configured("ECS_AGENT_LABELS=" + labels + "\n");
  const std::string call = run_call(host);
  CHECK_FALSE(has(call, "--label"));
  CHECK(has(call, " " + kImageId + "\n"));
}

TEST_CASE("under docker the container logs as ECS_LOG_DRIVER and its kin say") {
  const auto [configuration, expected] = GENERATE(table<std::string, std::string>({
      {"", "json-file --log-opt=max-size=16m --log-opt=max-file=4"},
      {"ECS_INIT_DOCKER_LOG_FILE_SIZE=1m\nECS_INIT_DOCKER_LOG_FILE_NUM=2\n",
       "json-file --log-opt=max-size=1m --log-opt=max-file=2"},
      {R"(ECS_LOG_OPTS={"max-size":"9m"})", "json-file --log-opt=max-size=9m"},
      {"ECS_LOG_OPTS={}", "json-file"},
      {"ECS_LOG_OPTS=max-size=9m", "json-file --log-opt=max-size=16m --log-opt=max-file=4"},
      {"ECS_LOG_DRIVER=journald", "journald"},
      {"ECS_LOG_DRIVER=awslogs\n"
       R"(ECS_LOG_OPTS={"awslogs-group":"g"})",
       "awslogs --log-opt=awslogs-group=g"},
      {"ECS_LOG_DRIVER=none\n"
       R"(ECS_LOG_OPTS={"max-size":"9m"})",
       "json-file --log-opt=max-size=16m --log-opt=max-file=4"},
  }));
  CAPTURE(configuration);
  const Host host;
  host.configured(configuration + "\n");
  const std::string call = run_call(host);
  CAPTURE(call);
  CHECK(has(call, " --log-driver=" + expected + " " + kImageId));
}

namespace {

// A host with AppArmor in its kernel and the program that loads profiles.
void with_apparmor(const Host& host) {
  fs::create_directories(host.root.path() / "sys/kernel/security/apparmor");
  put(host.root.path() / "sys/module/apparmor/parameters/enabled", "Y\n");
  host.program("bin/apparmor_parser", "echo loaded");
}

}  // namespace

TEST_CASE("where the host has AppArmor the agent is confined by its profile, which is loaded before it starts") {
  Settings settings = some_settings();
  settings.runtime = GENERATE("docker", "podman");
  settings.options["privileged"] = {GENERATE(true, false), ""};
  const Host host(settings);
  CHECK_FALSE(has(run_call(host), "apparmor"));
  with_apparmor(host);
  const std::string call = run_call(host);
  CAPTURE(call);
  CHECK(has(call, "apparmor_parser -Kr /usr/lib/ecs/apparmor/ecs-agent-default\n" + settings.runtime + " run "));
  CHECK(has(call, " --security-opt=apparmor=ecs-agent-default " + kImageId));
}

TEST_CASE("an operator's AppArmor profile counts unless it is blank") {
  const Host host;
  with_apparmor(host);
  CHECK(has(options_of(host, "ECS_AGENT_APPARMOR_PROFILE=mine\n"), "--security-opt=apparmor=mine\n"));
  CHECK(has(options_of(host, "ECS_AGENT_APPARMOR_PROFILE= \n"), "--security-opt=apparmor=ecs-agent-default\n"));
}

TEST_CASE("a host without a part of AppArmor does without it") {
  const Host host;
  with_apparmor(host);
  const std::string part = GENERATE("sys/kernel/security/apparmor", "sys/module/apparmor", "bin/apparmor_parser", "N");
  CAPTURE(part);
  if (part == "N") {
    put(host.root.path() / "sys/module/apparmor/parameters/enabled", "N\n");
  } else {
    fs::remove_all(host.root.path() / part);
  }
  CHECK_FALSE(has(run_call(host), "apparmor"));
}

TEST_CASE("an AppArmor profile that cannot be loaded keeps the agent from starting") {
  const Host host;
  with_apparmor(host);
  host.program("bin/apparmor_parser", "exit 1");
  host.script("settings");
  CHECK_THROWS_AS(host.script("run"), Error);
  CHECK_FALSE(has(host.calls(), "docker run"));
}

TEST_CASE("the AppArmor profile is one, with the host's tunables and without") {
  if (!installed("apparmor_parser")) {
    WARN("not checked: apparmor_parser is not installed");
    return;
  }
  const Host host;
  const std::string profile = (host.root.path() / "usr/lib/ecs/apparmor/ecs-agent-default").string();
  CHECK(run_checked({"apparmor_parser", "-QK", "--names", profile}) == "ecs-agent-default\n");
  CHECK(run_checked({"apparmor_parser", "-QK", "--base", host.prefix, "--names", profile}) == "ecs-agent-default\n");
}

namespace {

const std::string kGpuFile = "var/lib/ecs/gpu/nvidia-gpu-info.json";

void with_gpus(const Host& host) {
  put(host.root.path() / "dev/nvidia0", "");
  host.program("bin/nvidia-smi", "printf '535.54.03, GPU-1a-2b\\n535.54.03, [Unknown Error]\\n535.54.03, GPU-3c\\n'");
}

bool asks_for_gpus(const Host& host) {
  return has(read_file(host.root.path() / "run/ecs/agent.env"), "ECS_ENABLE_GPU_SUPPORT=true\n");
}

}  // namespace

TEST_CASE("with GPU support the agent is told of the GPUs that the driver names, otherwise nobody is asked") {
  const Host host;
  with_gpus(host);
  CHECK_FALSE(has(run_call(host), "nvidia-smi"));
  host.configured("ECS_ENABLE_GPU_SUPPORT=true\n");
  CHECK(has(run_call(host), "nvidia-smi --query-gpu=driver_version,uuid --format=csv,noheader\n"));
  CHECK(read_file(host.root.path() / kGpuFile) == R"({"DriverVersion":"535.54.03","GPUIDs":["GPU-1a-2b","GPU-3c"]})");
  CHECK((fs::status(host.root.path() / kGpuFile).permissions() & 0777) == 0700);
  CHECK(asks_for_gpus(host));
  host.configured("");
  run_call(host);
  CHECK_FALSE(fs::exists(host.root.path() / kGpuFile));
}

TEST_CASE("GPUs are waited for") {
  const Host host;
  host.configured("ECS_ENABLE_GPU_SUPPORT=true\n");
  with_gpus(host);
  fs::remove(host.root.path() / "dev/nvidia0");
  host.program("bin/sleep",
               "[ $(grep -c sleep " + host.prefix + "/calls) != 3 ] || : >" + host.prefix + "/dev/nvidia0");
  CHECK(has(run_call(host), "sleep 3\nsleep 3\nsleep 3\nnvidia-smi "));
}

TEST_CASE("without GPUs a setting of the image or the instance is ignored, an operator's is not") {
  const std::string place = GENERATE("usr/lib/ecs/defaults.env", "var/lib/ecs/ecs.config", "etc/ecs/ecs.config");
  CAPTURE(place);
  const Host host;
  host.program("bin/sleep", "");
  host.append(place, "ECS_ENABLE_GPU_SUPPORT=true\n");
  const std::string call = run_call(host);
  std::string waited;
  for (int times = 0; times < 10; ++times) waited += "sleep 3\n";
  CHECK(has(call, waited + "docker run "));
  CHECK(asks_for_gpus(host) == (place == "etc/ecs/ecs.config"));
  CHECK(has(read_file(host.root.path() / "run/ecs/agent.env"), "ECS_CLUSTER=demo\n"));
  CHECK((fs::status(host.root.path() / "run/ecs/agent.env").permissions() & 0777) == 0600);
  CHECK_FALSE(fs::exists(host.root.path() / kGpuFile));
}

TEST_CASE("GPUs that the driver does not name keep the agent from starting") {
  const Host host;
  with_gpus(host);
  host.program("bin/nvidia-smi", GENERATE("exit 9", "echo 'No devices were found'"));
  host.configured("ECS_ENABLE_GPU_SUPPORT=true\n");
  host.script("settings");
  CHECK_THROWS_AS(host.script("devices"), Error);
  CHECK_FALSE(fs::exists(host.root.path() / kGpuFile));
}

TEST_CASE("under podman the agent is told where the Docker API is") {
  Settings settings = some_settings();
  settings.runtime = "podman";
  const std::string call = run_call(Host(settings));
  CHECK(has(call, "podman run "));
  CHECK(has(call, " --env=DOCKER_HOST=unix:///run/podman/podman.sock "));
  CHECK(has(call, " --log-driver=k8s-file "));
  const Host host(settings);
  host.configured("ECS_LOG_DRIVER=journald\n");
  CHECK_FALSE(has(run_call(host), "journald"));
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
