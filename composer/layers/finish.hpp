#pragma once
// The last layer: what makes a tree a release. Lint, labels, the public key, the remote that hosts upgrade from,
// metadata, signature.

#include <optional>
#include <string>
#include <vector>

#include "layers/layer.hpp"
#include "recipe/recipe.hpp"
#include "sign/keys.hpp"

namespace compose::layers {

struct Release {
  std::string name;  // the recipe's: names the public key's file in the image
  std::string version;
  std::string ref;
  std::string lock_digest;
  std::optional<recipe::PublishOstree> upgrades = {};  // where hosts upgrade from; absent: nowhere
};

// `base` is the chain's first commit: what was added since is labelled and linted. What the profiles of `agents` ask of
// the host is checked against the whole tree: an overlay may bring what the base lacks. Key and release are part of the
// layer's identity; the secret key itself is not kept anywhere.
Layer finish_layer(const Release& release, const std::string& base, const std::vector<recipe::Agent>& agents,
                   const sign::SecretKey& key);

}  // namespace compose::layers
