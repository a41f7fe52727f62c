#pragma once
// The chain of layers: which are found, which are made, in which order.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "build/workspace.hpp"
#include "layers/layer.hpp"
#include "lock/lock.hpp"
#include "recipe/recipe.hpp"
#include "sign/keys.hpp"

namespace compose::build {

// A link of the chain as it stands in the workspace.
struct Link {
  std::string name;
  std::string ref;                    // where its commit is kept; empty when an earlier link is still to be made
  std::optional<std::string> commit;  // nothing: to be made
};

struct LayerReport {
  std::string name;
  std::string commit;
  bool reused = false;
  std::uint64_t added_bytes = 0;  // sizes of the regular files that it adds or replaces
};

// The layers that the recipe asks for, base first, finish last. `key` must outlive the result. Throws Error(input) when
// lock and recipe do not belong together.
std::vector<layers::Layer> layers_of(const recipe::Recipe& recipe, const lock::Lock& lock, const sign::SecretKey& key);

// Looks, changes nothing.
std::vector<Link> plan_chain(Workspace& workspace, const std::vector<layers::Layer>& layers);

// Makes what is missing; a layer that was made is kept, however the run goes on.
std::vector<LayerReport> make_chain(Workspace& workspace, const std::vector<layers::Layer>& layers,
                                    layers::Context& context);

}  // namespace compose::build
