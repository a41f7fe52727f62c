#include "cli/recipe_option.hpp"

#include <fmt/format.h>

namespace compose::cli {

build::Workspace open_workspace(const Common& common, Events& events) {
  return {common.workspace, [&] { events.note("another build works in this workspace: waiting for it to end"); }};
}

lock::Lock lock_of(const recipe::Recipe& recipe, build::Workspace& workspace, Events& events) {
  if (auto lock = lock::load(recipe.file)) return *lock;
  events.note(fmt::format("there is no {} yet: resolving", lock::path_for(recipe.file).filename().string()));
  const lock::Lock lock = build::resolve(recipe, workspace, {}, events);
  lock::save(recipe.file, lock);
  return lock;
}

}  // namespace compose::cli
