#pragma once
// What commands that work on one recipe share.

#include "build/build.hpp"
#include "cli/command.hpp"
#include "recipe/load.hpp"

namespace compose::cli {

build::Workspace open_workspace(const Common& common, Events& events);

// The recipe's lock; without one it is resolved and written first, which is said.
lock::Lock lock_of(const recipe::Recipe& recipe, build::Workspace& workspace, Events& events);

}  // namespace compose::cli
