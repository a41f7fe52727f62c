#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "build/signing_key.hpp"
#include "cli/recipe_option.hpp"

namespace compose::cli {
namespace {

int plan(const fs::path& file, const Common& common) {
  const recipe::Recipe recipe = recipe::load(file);
  const auto events = common.make_events();
  build::Workspace workspace = open_workspace(common, *events);
  const lock::Lock lock = lock_of(recipe, workspace, *events);
  const sign::SecretKey key = build::signing_key(recipe.sign, *events);
  nlohmann::json links = nlohmann::json::array();
  for (const auto& link : build::plan_chain(workspace, build::layers_of(recipe, lock, key))) {
    links.push_back({{"name", link.name},
                     {"commit", link.commit ? nlohmann::json(*link.commit) : nlohmann::json()},
                     {"found", link.commit.has_value()}});
    if (!common.json) fmt::print("{:<24} {}\n", link.name, link.commit ? "found  " + *link.commit : "to be made");
  }
  if (common.json) fmt::print("{}\n", nlohmann::json({{"name", recipe.name}, {"layers", links}}).dump());
  return 0;
}

}  // namespace

Action add_plan(CLI::App& command) {
  auto file = std::make_shared<fs::path>();
  command.add_option("RECIPE", *file, "The recipe")->required();
  return [file](const Common& common) { return plan(*file, common); };
}

}  // namespace compose::cli
