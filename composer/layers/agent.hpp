#pragma once
// The agent layer: a profile of agent-layer/ and its container image, put into the tree.

#include <string>

#include "layers/layer.hpp"
#include "lock/lock.hpp"
#include "recipe/recipe.hpp"

namespace compose::layers {

// Asks where the image comes from what its digest is now.
lock::Lock::AgentImage resolve_agent_image(Context& context, const recipe::Agent& agent);

// Reads the profile now. Throws Error(input) when the lock pins another image than the recipe names.
Layer agent_layer(const recipe::Agent& agent, const lock::Lock& lock);

}  // namespace compose::layers
