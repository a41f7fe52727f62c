#include "agent/profile.hpp"

#include <catch2/catch.hpp>

#include <boost/algorithm/string/replace.hpp>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

using namespace compose;
using agent::load_profile;

namespace {

const std::string kProfile = R"([agent]
name = "x"
summary = "An agent"
[image]
default = "docker://h.example/agent:v1"
name = "h.example/agent:v1"
archive = "/usr/lib/x/agent.tar"
id_file = "/usr/lib/x/agent.id"
[container]
name = "x-agent"
runtimes = ["docker"]
arguments = ["--privileged"]
environment = { X_DATA = "/data" }
[config]
path = "/etc/x/x.config"
cluster_key = "X_CLUSTER"
cluster = "default"
[[directory]]
path = "/var/lib/x"
mode = "0700"
owner = "x"
[[directory]]
path = "/etc/x"
[[file]]
path = "/usr/lib/systemd/system/x.service"
template = "x.service"
mode = "0600"
)";

struct Folder {
  TemporaryDirectory directory{fs::temp_directory_path(), "profile-"};
  explicit Folder(const std::string& text, const std::string& unit = "{{image_id}}") {
    write_file_atomically(directory.path() / "agent.toml", text);
    write_file_atomically(directory.path() / "x.service", unit);
  }
  // The message without the folder's name.
  std::string failure() const {
    try {
      load_profile(directory.path());
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::input);
      return boost::algorithm::replace_all_copy(error.explain(), directory.path().string() + "/", "");
    }
    return "accepted";
  }
};

std::string failure_with(const std::string& from, const std::string& to) {
  REQUIRE(kProfile.find(from) != std::string::npos);
  return Folder(boost::algorithm::replace_first_copy(kProfile, from, to)).failure();
}

}  // namespace

TEST_CASE("a profile's values are read, lists sorted by path") {
  const Folder folder(kProfile);
  const agent::Profile profile = load_profile(folder.directory.path());
  CHECK(profile.name == "x");
  CHECK(profile.image == "docker://h.example/agent:v1");
  CHECK(profile.container_environment.at("X_DATA") == "/data");
  CHECK(profile.config_mode == 0644);
  REQUIRE(profile.directories.size() == 2);
  CHECK(profile.directories[0].path == "/etc/x");
  CHECK(profile.directories[1].mode == 0700);
  CHECK(profile.directories[1].owner == "x");
  REQUIRE(profile.files.size() == 1);
  CHECK(profile.files[0].mode == 0600);
  CHECK(profile.files[0].text == "{{image_id}}");
}

TEST_CASE("an unknown key of a profile is found with its place and the nearest known one") {
  const std::string message = failure_with("id_file = ", "id_fil = ");
  CAPTURE(message);
  CHECK(message.find("agent.toml:8:1: unknown key 'id_fil' in [image]; did you mean 'id_file'?") != std::string::npos);
  CHECK(message.find("agent-layer/README.md") != std::string::npos);
}

TEST_CASE("bad values of a profile are errors with their place") {
  const auto [from, to, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"\"docker\"", "\"runc\"", "agent.toml:11:13: 'runc' is not a container runtime that can be used"},
      {"\"0700\"", "\"700\"", "agent.toml:20:8: '700' is not a mode"},
      {"\"0700\"", "700", "agent.toml:20:8: "},
      {"\"--privileged\"", "\"--x=a b\"", "agent.toml:12:14: '--x=a b' is not an argument"},
      {"\"/var/lib/x\"", "\"/usr/x\"", "agent.toml:19:8: '/usr/x' is not a path"},
      {"h.example/agent:v1\"\narchive", "h.example/agent\"\narchive", "agent.toml:6:8: 'h.example/agent' has no tag"},
      {"\"X_CLUSTER\"", "\"x cluster\"", "agent.toml:16:15: "},
      {"\"/data\"", "\"a b\"", "agent.toml:13:26: 'a b' is not an argument"},
      {"path = \"/etc/x\"", "path = \"/etc/x\"\nowner = \"x\"", "a directory of /etc belongs to root:root"},
      {"\"x.service\"", "\"y.service\"", "agent.toml:26:12: there is no file"},
      {"\"x.service\"", "\"../x.service\"", "agent.toml:26:12: '../x.service' is not the name of a file"},
  }));
  const std::string message = failure_with(from, to);
  CAPTURE(message);
  CHECK(message.find(expected) != std::string::npos);
}

TEST_CASE("a path that a profile would write twice is refused") {
  CHECK(failure_with("/usr/lib/systemd/system/x.service", "/usr/lib/x/agent.id")
            .find("agent.toml: '/usr/lib/x/agent.id' is written twice") != std::string::npos);
}

TEST_CASE("a template with an unknown name is refused when the profile is loaded") {
  CHECK(Folder(kProfile, "a\nb {{image}}").failure().find("x.service:2:3: unknown name '{{image}}'") !=
        std::string::npos);
}

TEST_CASE("a folder without agent.toml is an error that names the file") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "profile-");
  CHECK_THROWS_AS(load_profile(folder.path()), Error);
}

namespace {

// What is said about a profile with these lines at its end.
std::string failure_of(const std::string& lines) { return Folder(kProfile + lines).failure(); }

}  // namespace

TEST_CASE("binds, options, ports, sysctls, requirements and what a runtime adds are read") {
  const Folder folder(boost::algorithm::replace_first_copy(
                          kProfile, "[config]",
                          "command = [\"agent\", \"--now\"]\n[container.docker]\narguments = [\"--init\"]\n[config]") +
                      R"([[bind]]
source = "/"
target = "/host"
propagation = "rslave"
[[bind]]
source = "/etc/x"
read_only = true
optional = true
runtime = "docker"
[[sysctl]]
key = "net.ipv4.ip_forward"
value = "1"
reason = "why"
[[port]]
number = 51678
meaning = "introspection"
[option.loud]
summary = "say more"
default = true
on.arguments = ["--loud"]
off.settings = { X_LOUD = "no" }
[[require]]
any = ["/usr/bin/a", "/usr/bin/b"]
reason = "why"
fix = "how"
[[symlink]]
path = "/etc/x/link"
target = "/"
)");
  const agent::Profile profile = load_profile(folder.directory.path());
  CHECK(profile.command == std::vector<std::string>{"agent", "--now"});
  CHECK(profile.arguments_by_runtime.at("docker") == std::vector<std::string>{"--init"});
  REQUIRE(profile.binds.size() == 2);
  CHECK(profile.binds[0].target == "/host");
  CHECK(profile.binds[0].propagation == "rslave");
  CHECK(profile.binds[1].target == "/etc/x");
  CHECK(profile.binds[1].read_only);
  CHECK(profile.binds[1].optional);
  CHECK(profile.binds[1].runtime == "docker");
  CHECK(profile.sysctls.at(0).key == "net.ipv4.ip_forward");
  CHECK(profile.ports.at(0).number == 51678);
  CHECK(profile.options.at(0).standard);
  CHECK(profile.options.at(0).on.arguments == std::vector<std::string>{"--loud"});
  CHECK(profile.options.at(0).off.settings.at("X_LOUD") == "no");
  CHECK(profile.requirements.at(0).kind == agent::Requirement::Kind::any);
  CHECK(profile.requirements.at(0).names.size() == 2);
  CHECK(profile.digest.size() == 64);
}

TEST_CASE("bad binds, options, ports, sysctls and requirements are errors with their place") {
  const auto [lines, expected] = GENERATE(table<std::string, std::string>({
      {"[[bind]]\nsource = \"run\"\n", "agent.toml:29:10: 'run' is not a path of the host here"},
      {"[[bind]]\ntarget = \"/x\"\n", "agent.toml:28:1: missing key 'source' in [[bind]]"},
      {"[[bind]]\nsource = \"/x\"\nreadonly = true\n",
       "agent.toml:30:1: unknown key 'readonly' in [[bind]]; did you mean 'read_only'?"},
      {"[[bind]]\nsource = \"/x\"\nread_only = \"yes\"\n", "agent.toml:30:13: "},
      {"[[bind]]\nsource = \"/x\"\nruntime = \"runc\"\n", "agent.toml:30:11: 'runc' is not a container runtime"},
      {"[[bind]]\nsource = \"/x\"\npropagation = \"shared\"\n",
       "agent.toml:30:15: 'shared' is not a way to pass mounts on"},
      {"[[sysctl]]\nkey = \"ip_forward\"\nvalue = \"1\"\nreason = \"x\"\n",
       "agent.toml:29:7: 'ip_forward' is not a kernel setting"},
      {"[[sysctl]]\nkey = \"a.b\"\nvalue = 1\nreason = \"x\"\n", "agent.toml:30:9: "},
      {"[[port]]\nnumber = 65536\nmeaning = \"x\"\n", "agent.toml:29:10: 'number' must be a TCP port, from 1 to 65535"},
      {"[[port]]\nmeaning = \"x\"\n", "'number' must be a TCP port"},
      {"[option.loud]\nsummary = \"x\"\n", "'default' must say what holds unless a recipe chooses: true or false"},
      {"[option.loud]\ndefault = true\n", "agent.toml:28:1: missing key 'summary' in [option.loud]"},
      {"[option.\"a b\"]\nsummary = \"x\"\ndefault = true\n", "'a b' is not a name"},
      {"[option.loud]\nsummary = \"x\"\ndefault = true\non.argument = [\"--x\"]\n",
       "unknown key 'argument' in [option.loud.on]; did you mean 'arguments'?"},
      {"[option.loud]\nsummary = \"x\"\ndefault = true\noff.settings = { x = \"1\" }\n",
       "agent.toml:31:22: 'x' is not a variable's name"},
      {"[[require]]\nreason = \"x\"\nfix = \"y\"\n",
       "agent.toml:28:1: exactly one of 'path', 'program', 'unit' and 'any' says what is required"},
      {"[[require]]\npath = \"/a\"\nany = [\"/b\"]\nreason = \"x\"\nfix = \"y\"\n",
       "exactly one of 'path', 'program', 'unit' and 'any'"},
      {"[[require]]\nunit = \"docker\"\nreason = \"x\"\nfix = \"y\"\n",
       "agent.toml:29:8: 'docker' is not a unit's whole name"},
      {"[[require]]\nprogram = \"/bin/x\"\nreason = \"x\"\n", "agent.toml:28:1: missing key 'fix' in [[require]]"},
      {"[[file]]\npath = \"/usr/x\"\ntemplate = \"../common/none\"\n", "agent.toml:30:12: there is no file"},
      {"[[file]]\npath = \"/usr/x\"\ntemplate = \"../common/../x\"\n",
       "agent.toml:30:12: '../common/../x' is not the name of a file in the profile's folder or in ../common"},
  }));
  const std::string message = failure_of(lines);
  CAPTURE(lines, message);
  CHECK(message.find(expected) != std::string::npos);
}

TEST_CASE("a profile must say under what it runs, and a command is plain words") {
  CHECK(failure_with("runtimes = [\"docker\"]", "runtimes = []").find("'runtimes' must name") != std::string::npos);
  CHECK(failure_with("arguments = [\"--privileged\"]", "command = [\"a b\"]").find("'a b' is not an argument") !=
        std::string::npos);
}
