// choices.golden has all that a person is told about agents that do not go together (UPDATE_GOLDEN=1 as elsewhere).

#include "agent/choices.hpp"

#include <cstdlib>
#include <functional>

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::agent {
namespace {

const fs::path kSource = SOURCE_DIR;

Chosen agent_named(const std::string& name) {
  Chosen chosen;
  Profile& profile = chosen.profile;
  profile.file = "agent-layer/" + name + "/agent.toml";
  profile.name = name;
  profile.summary = "An agent";
  profile.image_archive = "/usr/lib/" + name + "/agent.tar";
  profile.image_id_file = "/usr/lib/" + name + "/agent.id";
  profile.container = name;
  profile.runtimes = {"docker", "podman"};
  profile.config_path = "/etc/" + name + "/config";
  profile.directories = {{"/etc/" + name}, {"/var/lib/shared"}};
  profile.files = {{"/usr/lib/systemd/system/" + name + ".service", 0644, "x", "", ""}};
  return chosen;
}

using Change = std::function<void(Chosen& x, Chosen& y)>;

std::vector<Finding> findings_with(const Change& change) {
  std::vector<Chosen> agents{agent_named("x"), agent_named("y")};
  change(agents[0], agents[1]);
  return check_choices(agents);
}

const std::vector<std::pair<std::string, Change>> kConflicts{
    {"one agent twice", [](Chosen&, Chosen& y) { y = agent_named("x"); }},
    {"one container", [](Chosen&, Chosen& y) { y.profile.container = "x"; }},
    {"one port",
     [](Chosen& x, Chosen& y) {
       x.profile.ports = {{80, "health"}, {51678, "introspection"}};
       y.profile.ports = {{51678, "metrics"}};
     }},
    {"one file", [](Chosen& x, Chosen& y) { y.profile.files = x.profile.files; }},
    {"one configuration", [](Chosen&, Chosen& y) { y.profile.config_path = "/etc/x/config"; }},
    {"one archive", [](Chosen&, Chosen& y) { y.profile.image_archive = "/usr/lib/x/agent.tar"; }},
    {"a file where the other has a folder",
     [](Chosen&, Chosen& y) {
       y.profile.symlinks = {{"/etc/x", "/usr/lib/y", ""}};
     }},
    {"a folder with another mode and owner",
     [](Chosen&, Chosen& y) {
       y.profile.directories[1] = {"/var/lib/shared", 0700, "y", "y"};
     }},
    {"a sysctl with another value",
     [](Chosen& x, Chosen& y) {
       x.profile.sysctls = {{"net.ipv4.ip_forward", "0", "it is no router"}};
       y.profile.sysctls = {{"net.ipv4.ip_forward", "1", "pods reach each other"}};
     }},
    {"podman's socket where docker listens",
     [](Chosen&, Chosen& y) {
       y.settings.runtime = "podman";
       y.profile.files.push_back({"/usr/lib/tmpfiles.d/y-docker.conf", 0644, "x",
                                  "L+ /run/docker.sock - - - - {{runtime_socket}}\n", "podman"});
     }},
};

}  // namespace

TEST_CASE("agents that get in each other's way are told with path and fix") {
  std::string text;
  for (const auto& [name, change] : kConflicts) {
    CAPTURE(name);
    const auto findings = findings_with(change);
    CHECK(findings.size() == 1);
    text += explain(name, findings) + "\n";
  }
  const fs::path golden = kSource / "tests/unit/agent/choices.golden";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) write_file_atomically(golden, text);
  CHECK(text == read_file(golden));
}

TEST_CASE("agents that share folders as they both want them go together, one of them alone too") {
  CHECK(findings_with([](Chosen&, Chosen&) {}).empty());
  CHECK(findings_with([](Chosen&, Chosen& y) { y.settings.runtime = "podman"; }).empty());
  CHECK(check_choices({agent_named("x")}).empty());
  CHECK(check_choices({}).empty());
}

TEST_CASE("a choice that cannot work is an error before anything is fetched") {
  CHECK_THROWS_AS(findings_with([](Chosen&, Chosen& y) { y.settings.options["none"] = {true, "r.toml:1:1"}; }), Error);
  CHECK_THROWS_AS(findings_with([](Chosen&, Chosen& y) { y.profile.runtimes = {"podman"}; }), Error);
}

}  // namespace compose::agent
