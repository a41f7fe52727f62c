// The contract through the real binary, and over the base of the demo.

#include "agent/contract.hpp"

#include "layers/tree_reader.hpp"
#include "support/image_fixture.hpp"
#include "support/memory_tree.hpp"
#include "support/program.hpp"

namespace compose::layers {
namespace {

using tests::compose;
using tests::SmallProject;

const fs::path kSource = SOURCE_DIR;

std::string profile_text(const std::string& name, const std::string& more) {
  return fmt::format(
      "[agent]\nname = \"{0}\"\nsummary = \"An agent\"\n[image]\ndefault = \"docker://h.example/a:v1\"\n"
      "name = \"h.example/a:v1\"\narchive = \"/usr/lib/{0}/agent.tar\"\nid_file = \"/usr/lib/{0}/agent.id\"\n"
      "[container]\nname = \"{0}\"\nruntimes = [\"docker\", \"podman\"]\n{1}",
      name, more);
}

// A small project with agents of its own, whose image is a layout in its folder.
struct AgentProject : SmallProject {
  AgentProject() {
    const test::LayoutFixture layout(folder() / "image");
    layout.tag(layout.add_image({layout.add_layer(test::make_tar({{"agent", "program"}}))}), "latest");
    write("agents/x/agent.toml", profile_text("x", "[[port]]\nnumber = 51678\nmeaning = \"introspection\"\n"));
    with_agents("[agent]\nprofile = \"../agents/x\"\nimage = \"oci:../image:latest\"\nruntime = \"docker\"\n");
  }
  void with_agents(const std::string& text) const {
    std::string recipe_text = recipe();
    recipe_text.insert(recipe_text.find("[[overlay]]"), text);
    recipe_text.replace(recipe_text.find("\"base\""), 6, "\"../base\"");
    recipe_text.replace(recipe_text.find("\"overlays/host\""), 15, "\"../overlays/host\"");
    write("recipes/r.toml", recipe_text);
  }
  std::string recipe_path() const { return (folder() / "recipes/r.toml").string(); }
  ProcessResult build() const {
    return compose({"build", recipe_path(), "--to", "commit", "--workspace", (folder() / "work").string()});
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("what a profile asks of the host is checked over the finished tree, in one list with the rest") {
  const AgentProject project;
  project.write("overlays/host/usr/lib/tmpfiles.d/x.conf", "d /var/lib/x 0755 ghost root -\n");
  const ProcessResult result = project.build();
  CAPTURE(result.err);
  CHECK(result.exit_code == 3);
  CHECK(has(result.err, "the tree would not work on a host: 4 problems"));
  CHECK(has(result.err, "[tmpfiles-unknown-owner] /usr/lib/tmpfiles.d/x.conf"));
  CHECK(
      has(result.err, "[missing-program] /usr/bin/docker: the tree does not have it: the agent 'x' runs under docker"));
  CHECK(has(result.err, "[missing-unit] docker.socket"));
  CHECK(has(result.err, "[missing-unit] docker.service"));
}

TEST_CASE("an overlay may bring what the base lacks, and a new requirement of the profile is checked again") {
  const AgentProject project;
  project.write("overlays/host/usr/bin/docker", "#!/bin/sh\n");
  fs::permissions(project.folder() / "overlays/host/usr/bin/docker", fs::perms(0755));
  project.write("overlays/host/usr/lib/systemd/system/docker.service", "[Service]\nExecStart=/usr/bin/docker\n");
  project.write("overlays/host/usr/lib/systemd/system/docker.socket", "[Socket]\nListenStream=/run/docker.sock\n");
  const ProcessResult good = project.build();
  CAPTURE(good.err);
  REQUIRE(good.exit_code == 0);
  project.write("agents/x/agent.toml",
                profile_text("x", "[[require]]\nprogram = \"/usr/bin/new\"\nreason = \"why\"\nfix = \"how\"\n"));
  const ProcessResult result = project.build();
  CHECK(result.exit_code == 3);
  CHECK(has(result.err, "[missing-program] /usr/bin/new: the tree does not have it: why\n    fix: how"));
}

TEST_CASE("agents that do not go together are found by check, as text and as JSON, and by build before it fetches") {
  const AgentProject project;
  project.write("agents/y/agent.toml", profile_text("y", "[[port]]\nnumber = 51678\nmeaning = \"metrics\"\n"));
  project.with_agents(
      "[[agent]]\nprofile = \"../agents/x\"\nimage = \"oci:../image:latest\"\n"
      "[[agent]]\nprofile = \"../agents/y\"\nimage = \"oci:../none:latest\"\n");
  const ProcessResult text = compose({"check", project.recipe_path()});
  CHECK(text.exit_code == 3);
  CHECK(has(text.err, "error: the agents do not go together: 1 problem\n  [port-twice] 51678: the agents 'x' and 'y'"));
  const ProcessResult checked = compose({"check", "--json", project.recipe_path()});
  const auto json = nlohmann::json::parse(checked.out);
  CHECK(json["ok"] == false);
  const auto& finding = json["recipes"][0]["findings"][0];
  CHECK(finding["id"] == "port-twice");
  CHECK(finding["path"] == "51678");
  CHECK(finding["problem"].get<std::string>().find("both listen on this port") != std::string::npos);
  CHECK_FALSE(finding["fix"].get<std::string>().empty());
  const ProcessResult built = project.build();
  CHECK(built.exit_code == 3);
  CHECK(has(built.err, "[port-twice] 51678"));
}

namespace {

// A profile's files over somebody's tree.
struct OverTree final : agent::TreeReader {
  const tests::MemoryTree& above;
  const OstreeReader& below;
  OverTree(const tests::MemoryTree& first, const OstreeReader& second) : above(first), below(second) {}

  agent::TreeEntry look(const std::string& path) const override {
    const auto entry = below.look(path);
    const auto added = above.look(path);
    return added.kind == agent::TreeEntry::Kind::absent ? entry : added;
  }
  std::vector<std::string> names_in(const std::string& directory) const override {
    auto names = below.names_in(directory);
    for (const auto& name : above.names_in(directory)) names.push_back(name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
  std::string read(const std::string& path) const override {
    return above.look(path).kind == agent::TreeEntry::Kind::file ? above.read(path) : below.read(path);
  }
};

}  // namespace

TEST_CASE("no rule is broken by a profile of the project on the demo's base") {
  const fs::path base = kSource / "build/base/repo";
  if (!fs::exists(base / "config")) {
    WARN("not checked: ci/base has not made build/base/repo");
    return;
  }
  auto repository = ostree::Repository::open(base);
  const ostree::Tree tree(repository, repository.resolve("debian-atomic/12/x86_64/base").value());
  const OstreeReader reader(tree);
  for (const std::string name : {"ecs", "k3s", "ssm"}) {
    for (const std::string runtime : {"docker", "podman"}) {
      agent::Chosen chosen{agent::load_profile(kSource / "agent-layer" / name), {}};
      chosen.settings.runtime = runtime;
      tests::MemoryTree added;
      added.put(chosen.profile, chosen.settings);
      CAPTURE(agent::explain(name + " under " + runtime, agent::check_contract(chosen, OverTree(added, reader))));
      CHECK(agent::check_contract(chosen, OverTree(added, reader)).empty());
    }
  }
}

}  // namespace compose::layers
