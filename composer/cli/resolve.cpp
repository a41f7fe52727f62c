#include <set>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/lock_json.hpp"
#include "cli/recipe_option.hpp"
#include "lock/nevra_parts.hpp"
#include "recipe/nearest.hpp"
#include "support/error.hpp"

namespace compose::cli {
namespace {

struct ResolveOptions {
  fs::path recipe;
  bool update = false;
  std::vector<std::string> packages;
};

// The package of the lock that somebody calls NAME, NAME.ARCH or by its whole NEVRA: its name.
std::string name_in(const lock::Lock& lock, const std::string& wanted) {
  std::set<std::string> names;
  for (const auto& package : lock.packages) {
    const auto parts = lock::nevra_parts(package.nevra);
    if (!parts) continue;
    if (wanted == parts->name || wanted == parts->name_arch() || wanted == package.nevra) return parts->name;
    names.insert(parts->name);
  }
  const auto meant = recipe::nearest(wanted, {names.begin(), names.end()});
  throw Error(
      ErrorKind::input,
      fmt::format("the lock has no package '{}'{}", wanted, meant ? fmt::format("; did you mean '{}'?", *meant) : ""),
      names.empty() ? "it has no packages at all: `resolve --update` without a name renews base and agents"
                    : fmt::format("it has: {}", fmt::join(names, ", ")));
}

build::ResolveOptions what_to_renew(const ResolveOptions& options, const std::optional<lock::Lock>& previous) {
  if (!options.packages.empty() && !previous) {
    throw Error(ErrorKind::input,
                fmt::format("there is no {} yet, of which single packages could be renewed",
                            lock::path_for(options.recipe).string()),
                "write it with `atomic-compose resolve RECIPE`");
  }
  build::ResolveOptions result{previous, {}};
  for (const std::string& package : options.packages) result.renew.push_back(name_in(*previous, package));
  return result;
}

// After an update.
void tell_difference(const lock::Lock& from, const lock::Lock& to, Events& events) {
  const lock::Difference difference = compare_locks(from, to);
  if (difference.empty()) events.note("no difference to the lock that was there");
  for (const std::string& line : lock::in_words(difference)) events.note(line);
}

void print_json(const fs::path& file, const lock::Lock& lock, bool changed) {
  nlohmann::json json = to_json(lock);
  json["lock_file"] = file.string();
  json["changed"] = changed;
  if (lock.agent_images.size() == 1) json["agent_image"] = json["agent_images"].front();
  fmt::print("{}\n", json.dump());
}

int resolve(const ResolveOptions& options, const Common& common) {
  if (!options.packages.empty() && !options.update) {
    throw Error(ErrorKind::usage, "single packages are named to be renewed: say --update");
  }
  const recipe::Recipe recipe = recipe::load(options.recipe);
  const auto events = common.make_events();
  const auto previous = lock::load(recipe.file);
  const bool keep = previous && !options.update;
  lock::Lock lock;
  if (keep) {
    lock = *previous;
  } else {
    const build::ResolveOptions renewal = what_to_renew(options, previous);
    build::Workspace workspace = open_workspace(common, *events);
    lock = build::resolve(recipe, workspace, renewal, *events);
    lock::save(recipe.file, lock);
    if (previous) tell_difference(*previous, lock, *events);
  }
  const fs::path file = lock::path_for(recipe.file);
  if (keep && !common.json)
    events->note(fmt::format("{} is there and stays as it is; --update renews it", file.string()));
  if (common.json) {
    print_json(file, lock, !keep);
  } else {
    fmt::print("{}", lock::to_text(lock));
  }
  return 0;
}

}  // namespace

Action add_resolve(CLI::App& command) {
  auto options = std::make_shared<ResolveOptions>();
  command.add_option("RECIPE", options->recipe, "The recipe")->required();
  command.add_option("PACKAGE", options->packages, "With --update: renew these packages of the lock, keep the rest");
  command.add_flag("--update", options->update, "Renew a lock that is there");
  return [options](const Common& common) { return resolve(*options, common); };
}

}  // namespace compose::cli
