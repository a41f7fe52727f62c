#pragma once
// What an agent's profile asks of the host, against the tree that the host will have: what would fail there is found
// while composing. Knows rules, no agent. agent-layer/README.md lists the rules.

#include <vector>

#include "agent/choices.hpp"
#include "agent/finding.hpp"
#include "agent/host_tree.hpp"

namespace compose::agent {

// What the tree lacks for one agent, or would do against it. `tree` has the files of the agent's profile in it.
std::vector<Finding> check_contract(const Chosen& agent, const TreeReader& tree);

}  // namespace compose::agent
