#pragma once
// The agent layers: each a profile of agent-layer/ and its container image, put into the tree.

#include <string>
#include <vector>

#include "layers/layer.hpp"
#include "lock/lock.hpp"
#include "recipe/recipe.hpp"

namespace compose::layers {

// Asks where the images come from what their digests are now.
std::vector<lock::Lock::AgentImage> resolve_agent_images(Context& context, const std::vector<recipe::Agent>& agents);

// One layer an agent, in the recipe's order: "agent", or "agent:PROFILE" when there are several. Reads the profiles now.
// Throws Error(input) when the lock does not pin an image that the recipe names.
std::vector<Layer> agent_layers(const std::vector<recipe::Agent>& agents, const lock::Lock& lock);

}  // namespace compose::layers
