// Agents that are layered as RPM: what of a profile counts then, and what it asks of the tree.

#include <catch2/catch.hpp>

#include <boost/algorithm/string/replace.hpp>
#include <boost/filesystem/operations.hpp>

#include "agent/contract.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/host_root.hpp"
#include "support/memory_tree.hpp"
#include "support/process.hpp"

namespace compose::agent {
namespace {

using tests::as_text;
using tests::HostRoot;
using tests::installed;
using tests::MemoryTree;

const fs::path kSource = SOURCE_DIR;

Settings as_rpm() {
  Settings settings;
  settings.cluster = "demo";
  settings.environment = {{"ECS_RESERVED_MEMORY", "64"}};
  settings.form = Form::rpm;
  return settings;
}

std::vector<GeneratedFile> rendered(const Settings& settings = as_rpm()) {
  return render(load_profile(kSource / "agent-layer/ecs"), settings);
}

// The unit as amazon-ecs-init has it, enabled as its package leaves it.
void add_package(const HostRoot& root) {
  root.unit("ecs.service",
            "[Unit]\nWants=docker.service\nPartOf=docker.service\nAfter=docker.service\n"
            "[Service]\nExecStart=/usr/bin/docker\n[Install]\nWantedBy=multi-user.target\n");
}

std::string failure(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.explain();
  }
  return "accepted";
}

// agent-layer/ecs with `from` replaced in its agent.toml.
struct ChangedProfile {
  TemporaryDirectory directory{fs::temp_directory_path(), "profile-"};
  fs::path folder = directory.path() / "ecs";

  ChangedProfile(const std::string& from, const std::string& to) {
    fs::copy(kSource / "agent-layer", directory.path(), fs::copy_options::recursive);
    const std::string text = read_file(folder / "agent.toml");
    REQUIRE(text.find(from) != std::string::npos);
    write_file_atomically(folder / "agent.toml", boost::algorithm::replace_first_copy(text, from, to));
  }
};

std::string load_failure(const std::string& from, const std::string& to) {
  const ChangedProfile changed(from, to);
  return failure([&] { load_profile(changed.folder); });
}

}  // namespace

TEST_CASE("as RPM the ECS profile adds exactly this to a tree, nothing of the container among it") {
  const fs::path golden = kSource / "tests/unit/agent/ecs-rpm.golden";
  const std::string text = as_text(rendered());
  if (std::getenv("UPDATE_GOLDEN") != nullptr) write_file_atomically(golden, text);
  CHECK(text == read_file(golden));
}

TEST_CASE("the package's unit is started after user data, without an ordering cycle, and not before by its own link") {
  if (!installed("systemd-analyze")) {
    WARN("not checked: systemd-analyze is not installed");
    return;
  }
  const bool with_cloud_init = GENERATE(true, false);
  const HostRoot root(rendered(), with_cloud_init);
  add_package(root);
  CHECK(root.verify("ecs-agent-start.service") == "");
  CHECK(fs::read_symlink(root.path("etc/systemd/system/multi-user.target.wants/ecs.service")) == "/dev/null");
}

TEST_CASE("ecs-init loads the image that the tree brings, and each version of it anew") {
  const TemporaryDirectory root(fs::temp_directory_path(), "host-");
  const fs::path cache = root.path() / "var/cache/ecs";
  const fs::path kept = root.path() / "usr/share/factory/var/cache/ecs";
  for (const auto& folder : {cache, kept}) fs::create_directories(folder);
  const auto run_script = [&] {
    for (const auto& file : rendered()) {
      if (file.path != "/usr/libexec/ecs-package-image") continue;
      std::string script = file.content;
      for (const char* path : {"/var/cache/ecs\n", "/usr/share/factory"})
        boost::algorithm::replace_first(script, path, root.path().string() + path);
      return run({"/bin/sh", "-c", script}).exit_code;
    }
    return -1;
  };
  CHECK(run_script() == 0);  // a package that keeps no image there
  CHECK_FALSE(fs::exists(fs::symlink_status(cache / "ecs-agent.tar")));

  tests::put(kept / "ecs-agent-v1.tar", "image");
  CHECK(run_script() == 0);
  CHECK(fs::read_symlink(cache / "ecs-agent.tar") == kept / "ecs-agent-v1.tar");
  CHECK(read_file(cache / "state") == "2\n");
  write_file_atomically(cache / "state", "1");  // ecs-init has loaded it
  CHECK(run_script() == 0);
  CHECK(read_file(cache / "state") == "1");

  fs::rename(kept / "ecs-agent-v1.tar", kept / "ecs-agent-v2.tar");
  CHECK(run_script() == 0);
  CHECK(fs::read_symlink(cache / "ecs-agent.tar") == kept / "ecs-agent-v2.tar");
  CHECK(read_file(cache / "state") == "2\n");
}

TEST_CASE("what the recipe says counts more than the file that the package brings, which keeps its other lines") {
  CHECK(config_over("# of the package\nA=1\n B = 2\nC=3", "# ours\nA=4\nB=5\n") ==
        "# of the package\nC=3\n# ours\nA=4\nB=5\n");
  CHECK(config_over("", "A=1\n") == "A=1\n");
  CHECK(config_over("#A=1\nno assignment\n", "A=1\n") == "#A=1\nno assignment\nA=1\n");
}

TEST_CASE("an agent without a package, or under a runtime that its package does not know, is refused") {
  const Profile k3s = load_profile(kSource / "agent-layer/k3s");
  Settings settings;
  settings.form = Form::rpm;
  CHECK(failure([&] { render(k3s, settings); }).find("agent 'k3s' cannot be layered as RPM") != std::string::npos);
  Settings podman = as_rpm();
  podman.runtime = "podman";
  CHECK(failure([&] { rendered(podman); }).find("agent 'ecs' cannot run under 'podman'") != std::string::npos);
}

TEST_CASE("an agent that is there as an RPM only needs neither image nor container, and no runtime") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "profile-");
  const std::string text =
      "[agent]\nname = \"x\"\nsummary = \"An agent\"\n"
      "[package]\ninstall = [\"x\"]\nunit = \"x.service\"\n";
  const auto load = [&](const std::string& more) {
    write_file_atomically(folder.path() / "agent.toml", text + more);
    return load_profile(folder.path());
  };
  const auto is_said = [&](const std::string& more, const std::string& expected) {
    INFO(more);
    CHECK_THAT(failure([&] { load(more); }), Catch::Contains(expected));
  };
  is_said("[[bind]]\nsource = \"/x\"\n", "missing table [container]");
  is_said("[image]\nname = \"h/x:1\"\n", "missing table [container]");

  const Profile profile = load("");
  CHECK(runtimes_of(profile, Form::rpm) == std::vector<std::string>{""});
  Settings settings;
  settings.form = Form::rpm;
  settings.runtime = "";
  CHECK(render(profile, settings).empty());
  MemoryTree tree;  // not even a runtime
  tree.unit("x.service", "[Service]\nExecStart=/usr/bin/true\n");
  CHECK(check_contract({profile, settings}, tree).empty());
  settings.runtime = "docker";
  CHECK_THAT(failure([&] { render(profile, settings); }), Catch::Contains("agent 'x' runs under no container runtime"));
  CHECK_THAT(failure([&] { render(profile, {}); }), Catch::Contains("agent 'x' is there as an RPM only"));
}

TEST_CASE("as RPM the SSM profile adds exactly this to a tree, and needs no runtime") {
  const Profile profile = load_profile(kSource / "agent-layer/ssm");
  Settings settings;
  settings.form = Form::rpm;
  settings.runtime = "";
  const std::string text = as_text(render(profile, settings));
  const fs::path golden = kSource / "tests/unit/agent/ssm-rpm.golden";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) write_file_atomically(golden, text);
  CHECK(text == read_file(golden));
}

TEST_CASE("an option of the other form is refused with its place, and does not hold") {
  Settings settings = as_rpm();
  const Profile profile = load_profile(kSource / "agent-layer/ecs");
  CHECK_FALSE(option_holds(profile, settings, "block-instance-metadata"));
  settings.options["block-instance-metadata"] = {true, "r.toml:7:1"};
  CHECK(failure([&] {
          rendered(settings);
        }).find("r.toml:7:1: option 'block-instance-metadata' of agent 'ecs' has no effect with as = \"rpm\"") !=
        std::string::npos);
}

TEST_CASE("what a form needs of a profile is checked when it is loaded, with file, line and column") {
  const auto [from, to, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"install  = [\"amazon-ecs-init\"]\n", "", "'install' must name the packages that the agent consists of"},
      {"\"amazon-ecs-init\"", "\"amazon-ecs-init >= 1\"", "'amazon-ecs-init >= 1' is not the name of an RPM package"},
      {"unit     = \"ecs.service\"\n", "", "missing key 'unit' in [package]"},
      {"\"ecs.service\"", "\"ecs\"", "'ecs' is not a unit's whole name"},
      {"runtimes = [\"docker\"]\nimage", "image", "unknown name '{{runtime_socket_unit}}'"},
      {"[package]\n", "[package]\narchive = \"x\"\n", "unknown key 'archive' in [package]"},
      {"as       = \"rpm\"", "as       = \"deb\"", "'deb' is not a way to layer an agent"},
      {"as       = \"rpm\"", "", "'/usr/lib/ecs/defaults.env' is written twice"},
      {"template = \"ecs-agent-run\"\nmode     = \"0755\"\nas       = \"container\"", "template = \"ecs-agent-run\"",
       "unknown name '{{image_id}}'"},
  }));
  const std::string message = load_failure(from, to);
  CAPTURE(from, message);
  CHECK(message.find(expected) != std::string::npos);
}

TEST_CASE("the contract asks for the package's unit, and not for what only the container needs") {
  const Chosen chosen{load_profile(kSource / "agent-layer/ecs"), as_rpm()};
  MemoryTree tree = tests::good_host();
  tree.put(chosen.profile, chosen.settings);
  tree.remove("/usr/bin/lsblk");  // a bind of the container
  tree.remove("/usr/bin/awk");
  const auto findings = check_contract(chosen, tree);
  CHECK(
      explain("without the package", findings) ==
      "without the package: 1 problem\n"
      "  [missing-unit] ecs.service: neither /usr/lib/systemd/system nor /etc/systemd/system has it: it runs the agent "
      "'ecs', which is layered as RPM\n"
      "    fix: name the package that has it as [agent] package, or leave as = \"rpm\" out");
  tree.unit("ecs.service", "[Service]\nExecStart=/usr/bin/true\n");
  CHECK(check_contract(chosen, tree).empty());
}

TEST_CASE("an agent as RPM has no container or archive that another one's could meet") {
  const Chosen one{load_profile(kSource / "agent-layer/ecs"), as_rpm()};
  Chosen other{load_profile(kSource / "agent-layer/k3s"), {}};
  other.profile.container = one.profile.container;
  other.profile.image_archive = one.profile.image_archive;
  CHECK(check_choices({one, other}).empty());
}

}  // namespace compose::agent
