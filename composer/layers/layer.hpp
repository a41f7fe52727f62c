#pragma once
// A layer: one step from commit to commit. The chain of a recipe is
// base ▸ packages ▸ agent… ▸ overlay… ▸ volumes ▸ finish.

#include <functional>
#include <string>

#include "ostree/labels.hpp"
#include "ostree/tree.hpp"
#include "support/events.hpp"

namespace compose::layers {

// What a layer may use while it is being made.
struct Context {
  ostree::Repository& repository;
  fs::path scratch;  // an existing directory; what is left in it is removed after the build
  fs::path cache;    // kept between builds: container images by digest
  Events& events;
  ostree::Labels labels = {};
  std::string foundation = {};  // what agents are put on: the commit of the base, or of its packages once that is made
};

struct Layer {
  std::string name;            // "base", "packages", "agent", "overlay:host", "volumes", "finish"
  std::string inputs;          // text that says everything that determines the result, besides the previous commit
  bool is_foundation = false;  // base and packages: what later layers count as there before them
  // Makes the layer on top of `previous` (empty for the base) and returns its commit.
  std::function<std::string(Context& context, const std::string& previous)> make;
};

// The ref under which the layer's commit is kept: same previous commit and inputs, same ref.
std::string cache_ref(const Layer& layer, const std::string& previous);

// A tree to change, whose additions are labelled by its own SELinux policy.
ostree::Tree open_labelled(Context& context, const std::string& commit);

// Commits an intermediate layer: its name as subject, the previous commit's time and list of packages, no more.
std::string commit_layer(Context& context, ostree::Tree& tree, const std::string& layer, const std::string& previous);

}  // namespace compose::layers
