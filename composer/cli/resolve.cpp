#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/recipe_option.hpp"

namespace compose::cli {
namespace {

struct ResolveOptions {
  fs::path recipe;
  bool update = false;
};

int resolve(const ResolveOptions& options, const Common& common) {
  const recipe::Recipe recipe = recipe::load(options.recipe);
  const auto events = common.make_events();
  auto lock = lock::load(recipe.file);
  const bool keep = lock && !options.update;
  if (!keep) {
    build::Workspace workspace = open_workspace(common, *events);
    lock = build::resolve(recipe, workspace, *events);
    lock::save(recipe.file, *lock);
  }
  const fs::path file = lock::path_for(recipe.file);
  if (common.json) {
    nlohmann::json json = {{"lock_file", file.string()},
                           {"changed", !keep},
                           {"base", {{"ref", lock->base.ref}, {"commit", lock->base.commit}}}};
    json["agent_images"] = nlohmann::json::array();
    for (const auto& image : lock->agent_images) {
      json["agent_images"].push_back({{"image", image.image}, {"digest", image.digest}});
    }
    if (lock->agent_images.size() == 1) json["agent_image"] = json["agent_images"].front();
    fmt::print("{}\n", json.dump());
  } else {
    if (keep) events->note(fmt::format("{} is there and stays as it is; --update renews it", file.string()));
    fmt::print("{}", lock::to_text(*lock));
  }
  return 0;
}

}  // namespace

Action add_resolve(CLI::App& command) {
  auto options = std::make_shared<ResolveOptions>();
  command.add_option("RECIPE", options->recipe, "The recipe")->required();
  command.add_flag("--update", options->update, "Renew a lock that is there");
  return [options](const Common& common) { return resolve(*options, common); };
}

}  // namespace compose::cli
