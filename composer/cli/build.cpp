#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "build/signing_key.hpp"
#include "cli/recipe_option.hpp"

namespace compose::cli {
namespace {

struct BuildOptions {
  fs::path recipe;
  std::string goal = "disk";
};

nlohmann::json to_json(const build::BuildReport& report) {
  nlohmann::json layers = nlohmann::json::array();
  for (const auto& layer : report.layers) {
    layers.push_back(
        {{"name", layer.name}, {"commit", layer.commit}, {"reused", layer.reused}, {"added_bytes", layer.added_bytes}});
  }
  nlohmann::json disks = nlohmann::json::array();
  for (const auto& disk : report.disks) {
    disks.push_back({{"format", disk.format},
                     {"path", disk.path.string()},
                     {disk.digest_name, disk.digest},
                     {"size_bytes", disk.size_bytes},
                     {"reused", disk.reused}});
  }
  return {{"name", report.name}, {"version", report.version},       {"arch", report.arch},
          {"ref", report.ref},   {"commit", report.commit},         {"lock", report.lock_digest},
          {"layers", layers},    {"public_key", report.public_key}, {"disks", disks}};
}

void print_text(const build::BuildReport& report) {
  fmt::print("{} {}\n  ref     {}\n  commit  {}\n  key     {}\n", report.name, report.version, report.ref,
             report.commit, report.public_key);
  for (const auto& disk : report.disks)
    fmt::print("  {:<7} {}\n          {} {}\n", disk.format, disk.path.string(), disk.digest_name, disk.digest);
}

int build_recipe(const BuildOptions& options, const Common& common) {
  const recipe::Recipe recipe = recipe::load(options.recipe);
  const auto events = common.make_events();
  build::Workspace workspace = open_workspace(common, *events);
  const lock::Lock lock = lock_of(recipe, workspace, *events);
  const sign::SecretKey key = build::signing_key(recipe.sign, *events);
  build::Options build_options{common.workspace, common.out,
                               options.goal == "commit" ? build::Goal::commit : build::Goal::disk};
  const build::BuildReport report = build::run_build(recipe, lock, key, workspace, build_options, *events);
  if (common.json) {
    fmt::print("{}\n", to_json(report).dump());
  } else {
    print_text(report);
  }
  return 0;
}

}  // namespace

Action add_build(CLI::App& command) {
  auto options = std::make_shared<BuildOptions>();
  command.add_option("RECIPE", options->recipe, "The recipe")->required();
  command.add_option("--to", options->goal, "How far to go")
      ->check(CLI::IsMember({"commit", "disk"}))
      ->capture_default_str();
  return [options](const Common& common) { return build_recipe(*options, common); };
}

}  // namespace compose::cli
