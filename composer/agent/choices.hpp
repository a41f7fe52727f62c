#pragma once
// The agents of a recipe side by side: what can be seen without a tree.

#include <vector>

#include "agent/finding.hpp"
#include "agent/profile.hpp"
#include "agent/render.hpp"

namespace compose::agent {

// An agent as a recipe wants it.
struct Chosen {
  Profile profile;
  Settings settings;
};

// Agents that get in each other's way, and choices that cannot work. Throws Error(input) where render() does.
std::vector<Finding> check_choices(const std::vector<Chosen>& agents);

}  // namespace compose::agent
