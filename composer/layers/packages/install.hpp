#pragma once
// From locked packages to the commit that has them.

#include <string>

#include "layers/layer.hpp"
#include "lock/lock.hpp"
#include "recipe/recipe.hpp"

namespace compose::layers {

struct Installed {
  std::string commit;
  lock::Lock::Ids ids;  // of the users and groups that the base does not have
};

// Puts the lock's packages on top of `base`, takes its removed ones away, runs scripts where there are any. Users that
// the lock has numbers for get these. Same arguments: same commit, whoever runs it. Throws Error(input) when a package
// cannot be layered or a script fails, Error(unreachable), Error(mismatch).
Installed install(Context& context, const recipe::Packages& wanted, const lock::Lock& lock, const std::string& base);

}  // namespace compose::layers
