#pragma once
// The overlay layer: a folder of the project copied into the tree. overlays/README.md is the reference.

#include "layers/layer.hpp"
#include "recipe/recipe.hpp"

namespace compose::layers {

// Reads the folder now (names, modes, link targets, digests of content): the layer's identity. Throws Error(input) for
// what no image should carry: device nodes, sockets, links that leave the tree, private keys, a bad overlay.toml.
Layer overlay_layer(const recipe::Overlay& overlay);

}  // namespace compose::layers
