#pragma once
// The agent layers: each a profile of agent-layer/, and where it is a container its image, put into the tree. As RPM
// the package itself is in the tree already: packages_of() says which ones the packages layer has to bring.

#include <string>
#include <vector>

#include "agent/choices.hpp"
#include "layers/layer.hpp"
#include "lock/lock.hpp"
#include "recipe/recipe.hpp"

namespace compose::layers {

// The packages that the agents with as = "rpm" consist of, in the recipe's order, and where it asks for them: the
// recipe's `package`, else what the profile names. Reads the profiles now. Throws Error(input) when a profile names
// none.
std::vector<recipe::Placed> packages_of(const std::vector<recipe::Agent>& agents);

// Asks where the images come from what their digests are now; agents as RPM have none. Throws Error(input) when agents
// get in each other's way.
std::vector<lock::Lock::AgentImage> resolve_agent_images(Context& context, const std::vector<recipe::Agent>& agents);

// The agents with their profiles, each under the runtime that the recipe says, else the first that the profile names.
// Reads the profiles now.
std::vector<agent::Chosen> chosen_agents(const std::vector<recipe::Agent>& agents);

// The same agents on a base: where the recipe leaves the runtime open, the first of the profile's that the base has.
// Any tree of the chain before the agents will do as base: with packages, one that has them. Throws Error(input) when
// it has none.
std::vector<agent::Chosen> on_base(std::vector<agent::Chosen> agents, const std::vector<recipe::Agent>& wanted,
                                   const ostree::Tree& base);

// One layer an agent, in the recipe's order: "agent", or "agent:NAME" when there are several. Reads the profiles now.
// Throws Error(input) when the lock does not pin an image that the recipe names, or when agents get in each other's
// way.
std::vector<Layer> agent_layers(const std::vector<recipe::Agent>& agents, const lock::Lock& lock);

}  // namespace compose::layers
