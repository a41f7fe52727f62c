#pragma once
// From a recipe's agents to what a boot test expects of the guest.

#include <vector>

#include "boot/boot_test.hpp"
#include "ostree/tree.hpp"
#include "recipe/recipe.hpp"

namespace compose::cli {

// The directories of all agents; of the first that registers with ECS also its cluster (as user data gives it, which is
// another one than the image's), container or unit, rules and a task. Where none does, no registration. `base` is the
// commit that the chain begins with.
void expect_agents(boot::BootTest& test, const std::vector<recipe::Agent>& agents, const ostree::Tree& base);

}  // namespace compose::cli
