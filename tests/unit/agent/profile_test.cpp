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
