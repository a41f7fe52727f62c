#include <optional>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "agent/choices.hpp"
#include "cli/command.hpp"
#include "layers/agent.hpp"
#include "layers/overlay.hpp"
#include "layers/repositories.hpp"
#include "lock/lock.hpp"
#include "recipe/load.hpp"
#include "support/error.hpp"

namespace compose::cli {
namespace {

struct Result {
  std::optional<ErrorKind> failure;
  std::string problem;  // as people read it; empty: none
  std::vector<agent::Finding> findings;
};

// Their release may be the base's, which is not at hand.
void check_repositories(const recipe::Packages& packages) {
  layers::read_repositories(packages, layers::repo_variables(packages.releasever.value_or("RELEASEVER")));
}

// All that can be said without a network or a base: the recipe, its lock, repositories, profiles, what agents do to
// each other, overlays.
Result check_recipe(const fs::path& file) {
  try {
    const recipe::Recipe recipe = recipe::load(file);
    lock::load(recipe.file);
    if (recipe.packages) check_repositories(*recipe.packages);
    for (const auto& overlay : recipe.overlays) layers::overlay_layer(overlay);
    const auto findings = agent::check_choices(layers::chosen_agents(recipe.agents));
    if (findings.empty()) return {};
    const Error error(ErrorKind::input, agent::explain("the agents do not go together", findings));
    return {error.kind(), error.explain(), findings};
  } catch (const Error& error) {
    return {error.kind(), error.explain(), {}};
  }
}

nlohmann::json to_json(const fs::path& file, const Result& result) {
  nlohmann::json findings = nlohmann::json::array();
  for (const auto& finding : result.findings) {
    findings.push_back(
        {{"id", finding.id}, {"path", finding.path}, {"problem", finding.problem}, {"fix", finding.fix}});
  }
  return {{"recipe", file.string()}, {"ok", !result.failure}, {"problem", result.problem}, {"findings", findings}};
}

int check_all(const std::vector<fs::path>& files, const Common& common) {
  nlohmann::json results = nlohmann::json::array();
  int exit_code = 0;
  for (const auto& file : files) {
    const Result result = check_recipe(file);
    if (result.failure && exit_code == 0) exit_code = static_cast<int>(*result.failure);
    fmt::print(stderr, "{}", result.problem);
    results.push_back(to_json(file, result));
    if (!common.json && !result.failure) fmt::print("{}: ok\n", file.string());
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
