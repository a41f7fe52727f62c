#pragma once
// The disk images of a build: found when nothing changed, else written.

#include "build/build.hpp"

namespace compose::build {

std::vector<DiskReport> make_disks(const recipe::Recipe& recipe, const std::vector<LayerReport>& chain,
                                   Workspace& workspace, const Options& options, layers::Context& context);

}  // namespace compose::build
