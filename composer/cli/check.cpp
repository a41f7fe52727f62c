#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "agent/profile.hpp"
#include "cli/command.hpp"
#include "layers/overlay.hpp"
#include "lock/lock.hpp"
#include "recipe/load.hpp"
#include "support/error.hpp"

namespace compose::cli {
namespace {

// All that can be said without a network or a base: the recipe, its lock, profile and overlays.
void check_recipe(const fs::path& file) {
  const recipe::Recipe recipe = recipe::load(file);
  lock::load(recipe.file);
  for (const auto& agent : recipe.agents) agent::load_profile(agent.profile);
  for (const auto& overlay : recipe.overlays) layers::overlay_layer(overlay);
}

int check_all(const std::vector<fs::path>& files, const Common& common) {
  nlohmann::json results = nlohmann::json::array();
  int exit_code = 0;
  for (const auto& file : files) {
    std::string problem;
    try {
      check_recipe(file);
    } catch (const Error& error) {
      problem = error.explain();
      if (exit_code == 0) exit_code = static_cast<int>(error.kind());
      fmt::print(stderr, "{}", problem);
    }
    results.push_back({{"recipe", file.string()}, {"ok", problem.empty()}, {"problem", problem}});
    if (!common.json && problem.empty()) fmt::print("{}: ok\n", file.string());
  }
  if (common.json) fmt::print("{}\n", nlohmann::json({{"recipes", results}, {"ok", exit_code == 0}}).dump());
  return exit_code;
}

}  // namespace

Action add_check(CLI::App& command) {
  auto files = std::make_shared<std::vector<fs::path>>();
  command.add_option("RECIPE", *files, "Recipes to check")->required();
  return [files](const Common& common) { return check_all(*files, common); };
}

}  // namespace compose::cli
