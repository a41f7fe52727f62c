#pragma once
// The packages layer: RPMs on top of the base. What it is made of is in packages/.

#include <optional>
#include <string>
#include <vector>

#include "layers/layer.hpp"
#include "lock/lock.hpp"
#include "recipe/recipe.hpp"

namespace compose::layers {

// What has to be found out anew.
struct PackagesQuestion {
  recipe::Packages wanted;
  std::vector<recipe::Placed> agents;  // packages of agents that come as such, and where the recipe has them
  std::string base;                    // commit; whole in the repository
  lock::Lock previous;                 // numbers of users stay as they are there
  std::vector<std::string> renew;      // only these packages may differ from `previous`; empty: all
};

struct PackagesAnswer {
  std::vector<lock::Lock::Package> packages;
  std::vector<std::string> removed;
  lock::Lock::Ids ids;
};

// Asks the repositories what is newest, solves against the base's rpm database, fetches the packages and makes the
// layer once, since only then it is known which users they bring; the build finds it. Throws Error(input) when there is
// no solution or the packages cannot be layered, Error(unreachable), Error(mismatch).
PackagesAnswer resolve_packages(Context& context, const PackagesQuestion& question);

// Throws Error(input) when the recipe's .repo files cannot be read.
Layer packages_layer(const recipe::Packages& wanted, const lock::Lock& lock);

}  // namespace compose::layers
