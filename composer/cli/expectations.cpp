#include "cli/expectations.hpp"

#include <algorithm>

#include "agent/render.hpp"
#include "layers/agent.hpp"

namespace compose::cli {
namespace {

void expect_registration(boot::BootTest& test, const agent::Profile& profile, const agent::Settings& settings) {
  test.expects_registration = true;
  test.cluster = settings.cluster.value_or(profile.default_cluster) + "-under-test";
  test.runtime = settings.runtime;
  if (settings.form == agent::Form::container) {
    const auto arguments = agent::effective_arguments(profile, settings);
    test.container = profile.container;
    test.privileged = std::find(arguments.begin(), arguments.end(), "--privileged") != arguments.end();
    test.image = profile.image_name;
  } else {
    test.unit = profile.package->unit;
    test.image = profile.package->image;
  }
  test.network_rules = true;
  test.blocks_metadata = test.datasource == boot::Datasource::ec2 && !profile.promise.metadata_option.empty() &&
                         agent::option_holds(profile, settings, profile.promise.metadata_option);
}

}  // namespace

void expect_agents(boot::BootTest& test, const std::vector<recipe::Agent>& agents, const ostree::Tree& base) {
  test.expects_registration = false;
  test.container.clear();
  for (const auto& [profile, settings] : layers::on_base(layers::chosen_agents(agents), agents, base)) {
    for (const auto& directory : profile.directories) {
      if (!agent::counts(directory, settings)) continue;
      test.directories.push_back({directory.path, directory.mode, directory.owner + ":" + directory.group});
    }
    if (profile.promise.registers_with_ecs && !test.expects_registration) {
      expect_registration(test, profile, settings);
    }
  }
}

}  // namespace compose::cli
