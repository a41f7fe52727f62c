#pragma once
// The second step in a region: an available AMI of the snapshot. Nobody but the account can start it yet.

#include <string>

#include "publish/region.hpp"

namespace compose::publish {

// Throws Error(input) when the image's name is taken by one that the ledger does not know as ours: better before the
// upload than after.
void check_name(const Region& region);

// The image's id. Idempotent: an image of that name which has our snapshot is ours. Throws Error(input) when the name
// is another image's.
std::string ensure_image(const Region& region, const std::string& snapshot_id);

}  // namespace compose::publish
