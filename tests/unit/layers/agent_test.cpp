#include "layers/agent.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/scratch_repository.hpp"

namespace compose::layers {
namespace {

using ostree::Tree;
using namespace tests;

recipe::Agent agent_as_rpm(const std::string& profile) {
  recipe::Agent agent;
  agent.profile = fs::path(SOURCE_DIR "/agent-layer") / profile;
  agent.cluster = "mine";
  agent.form = recipe::AgentForm::rpm;
  return agent;
}

recipe::Agent agent_in_container(const std::string& profile) {
  recipe::Agent agent = agent_as_rpm(profile);
  agent.form = recipe::AgentForm::container;
  return agent;
}

// What the agent's package has left in the tree.
void fill_with_package(Tree& tree) {
  fill_minimal_os(tree);
  tree.put_file("/usr/bin/docker", file_meta(0755), "program");
  tree.put_file("/usr/etc/ecs/ecs.config", file_meta(), "# of the package\nECS_CLUSTER=theirs\nECS_LOGLEVEL=info\n");
  tree.put_symlink("/usr/etc/systemd/system/multi-user.target.wants/ecs.service",
                   "/usr/lib/systemd/system/ecs.service");
}

std::string make(ScratchRepository& scratch, const Layer& layer) {
  const auto events = make_null_events();
  Context context{scratch.get(), scratch.folder(), scratch.folder(), *events};
  context.foundation = scratch.commit(fill_with_package);
  return layer.make(context, context.foundation);
}

}  // namespace

TEST_CASE("an agent as RPM needs the profile's package, or the one that the recipe names") {
  const auto profiles = packages_of({agent_as_rpm("ecs"), agent_in_container("ssm")});
  REQUIRE(profiles.size() == 1);
  CHECK(profiles[0].text == "amazon-ecs-init");
  recipe::Agent named = agent_as_rpm("ecs");
  named.package = "demo-ecs-agent";
  named.package_place = "r.toml:3:11";
  const auto recipes = packages_of({named});
  REQUIRE(recipes.size() == 1);
  CHECK(recipes[0].text == "demo-ecs-agent");
  CHECK(recipes[0].place == "r.toml:3:11");
  CHECK(packages_of({}).empty());
  CHECK_THROWS_WITH(packages_of({agent_as_rpm("k3s")}), Catch::Contains("agent 'k3s' cannot be layered as RPM"));
}

TEST_CASE("an agent as RPM has no image to resolve, and needs none in the lock") {
  ScratchRepository scratch;
  const auto events = make_null_events();
  Context context{scratch.get(), scratch.folder(), scratch.folder(), *events};
  CHECK(resolve_agent_images(context, {agent_as_rpm("ecs")}).empty());
  CHECK_NOTHROW(agent_layers({agent_as_rpm("ecs")}, {}));
  CHECK_THROWS_WITH(agent_layers({agent_in_container("ecs")}, {}), Catch::Contains("the lock pins none"));
}

TEST_CASE("an agent as RPM configures what its package has brought, and embeds no image") {
  ScratchRepository scratch;
  const auto layers = agent_layers({agent_as_rpm("ecs")}, {});
  REQUIRE(layers.size() == 1);
  const Tree tree(scratch.get(), make(scratch, layers.front()));
  CHECK(tree.read("/usr/etc/ecs/ecs.config") ==
        "# of the package\nECS_LOGLEVEL=info\n"
        "# Amazon ECS container agent: a line a variable, never quoted; of two the last counts.\nECS_CLUSTER=mine\n");
  CHECK(tree.lookup("/usr/etc/systemd/system/multi-user.target.wants/ecs.service")->symlink_target == "/dev/null");
  CHECK_FALSE(tree.lookup("/usr/lib/ecs/agent.tar"));
  CHECK_FALSE(tree.lookup("/usr/lib/systemd/system/ecs-agent.service"));
}

TEST_CASE("an agent's two forms are two layers") {
  lock::Lock lock;
  lock.agent_images = {{"oci:x", "sha256:1"}};
  recipe::Agent container = agent_in_container("ecs");
  container.image_as_written = container.image = "oci:x";
  CHECK(agent_layers({container}, lock).front().inputs != agent_layers({agent_as_rpm("ecs")}, lock).front().inputs);
}

}  // namespace compose::layers
