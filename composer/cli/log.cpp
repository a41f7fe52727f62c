#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "build/signing_key.hpp"
#include "cli/recipe_option.hpp"
#include "ostree/tree.hpp"
#include "support/error.hpp"
#include "support/size_text.hpp"

namespace compose::cli {
namespace {

// What one layer does to the tree; files are what is no directory.
struct Changes {
  std::uint64_t added_bytes = 0;  // of regular files that it adds or replaces
  std::int64_t growth_bytes = 0;  // of all regular files together
  std::size_t added = 0;
  std::size_t changed = 0;
  std::size_t removed = 0;
};

bool is_file(const std::optional<ostree::Node>& node) { return node && node->kind != ostree::NodeKind::directory; }

std::uint64_t size_of(const std::optional<ostree::Node>& node) {
  return node && node->kind == ostree::NodeKind::file ? node->size_bytes : 0;
}

Changes changes_between(ostree::Repository& repository, const std::string& from, const std::string& to) {
  Changes changes;
  ostree::for_each_changed(repository, from, to, [&](const std::string&, const auto& before, const auto& after) {
    changes.added_bytes += size_of(after);
    changes.growth_bytes += static_cast<std::int64_t>(size_of(after)) - static_cast<std::int64_t>(size_of(before));
    if (!is_file(before) && is_file(after)) ++changes.added;
    if (is_file(before) && is_file(after)) ++changes.changed;
    if (is_file(before) && !is_file(after)) ++changes.removed;
  });
  return changes;
}

void print_layer(const build::Link& link, const Changes& changes) {
  if (!link.commit) return fmt::print("{:<24} to be made\n", link.name);
  fmt::print("{:<24} {}  {:>11}  files: {} added, {} changed, {} removed\n", link.name, link.commit->substr(0, 12),
             signed_size_text(static_cast<std::int64_t>(changes.added_bytes)), changes.added, changes.changed,
             changes.removed);
}

nlohmann::json to_json(const build::Link& link, const Changes& changes) {
  if (!link.commit) return {{"name", link.name}, {"commit", nullptr}};
  return {{"name", link.name},      {"commit", *link.commit},     {"added_bytes", changes.added_bytes},
          {"added", changes.added}, {"changed", changes.changed}, {"removed", changes.removed}};
}

lock::Lock lock_that_is_there(const recipe::Recipe& recipe) {
  if (auto lock = lock::load(recipe.file)) return *lock;
  throw Error(ErrorKind::input, fmt::format("there is no lock '{}' yet", lock::path_for(recipe.file).string()),
              "write it with `atomic-compose resolve RECIPE`, and make the chain with `atomic-compose build RECIPE`");
}

int log(const fs::path& file, const Common& common) {
  const recipe::Recipe recipe = recipe::load(file);
  const lock::Lock lock = lock_that_is_there(recipe);
  const auto events = common.make_events();
  build::Workspace workspace = open_workspace(common, *events);
  const sign::SecretKey key = build::signing_key(recipe.sign, *events);
  nlohmann::json layers = nlohmann::json::array();
  std::string previous;
  std::int64_t total_bytes = 0;
  for (const auto& link : build::plan_chain(workspace, build::layers_of(recipe, lock, key))) {
    const Changes changes = link.commit ? changes_between(workspace.repository(), previous, *link.commit) : Changes{};
    previous = link.commit.value_or(previous);
    total_bytes += changes.growth_bytes;
    layers.push_back(to_json(link, changes));
    if (!common.json) print_layer(link, changes);
  }
  if (common.json) {
    fmt::print("{}\n",
               nlohmann::json({{"name", recipe.name}, {"layers", layers}, {"total_bytes", total_bytes}}).dump());
  } else {
    fmt::print("{:<38} {:>11}\n", "in total", size_text(static_cast<std::uint64_t>(total_bytes)));
  }
  return 0;
}

}  // namespace

Action add_log(CLI::App& command) {
  auto file = std::make_shared<fs::path>();
  command.add_option("RECIPE", *file, "The recipe")->required();
  return [file](const Common& common) { return log(*file, common); };
}

}  // namespace compose::cli
