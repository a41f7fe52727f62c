#pragma once
// The volumes layer: a unit for each [[disk.volume]] and the program that they run, host-volume, which makes the file
// system at first boot and mounts it at each. The program is part of atomic-compose, so that a recipe needs nothing
// beside it and unit and program always fit.

#include <vector>

#include "layers/layer.hpp"
#include "recipe/recipe.hpp"

namespace compose::layers {

// volumes/host-volume as it stands in the source tree.
extern const char* const host_volume_program;

// "vol-xvdcz": how a volume's file system is known again.
std::string volume_label(const recipe::Volume& volume);

// The directories of a tree's container runtimes: what "container-storage" stands for. Empty without a runtime.
std::vector<std::string> container_storage(const ostree::Tree& tree);

// The unit that prepares and mounts the volume; `storage` as above.
std::string render_volume_unit(const recipe::Volume& volume, const std::vector<std::string>& storage);

// Making it throws Error(input) when the tree lacks what the volumes need on the host.
Layer volumes_layer(const std::vector<recipe::Volume>& volumes);

}  // namespace compose::layers
