#pragma once
// The second step in a region: an available AMI of the snapshot. Nobody but the account can start it yet.

#include <string>

#include "publish/region.hpp"

namespace compose::publish {

// The image's id. Idempotent: an image of that name which has our snapshot is ours. Throws Error(input) when the name
// is another image's.
std::string ensure_image(const Region& region, const std::string& snapshot_id);

}  // namespace compose::publish
