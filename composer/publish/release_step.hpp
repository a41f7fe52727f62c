#pragma once
// What follows when every region has its image: who may start it, then who learns of it.

#include <string>
#include <vector>

#include "publish/region.hpp"

namespace compose::publish {

// Throws Error(input) when the launch template that the recipe names is not there: better before the upload than after.
void check_launch_template(const Region& region);

// Permissions of image and snapshot as the recipe says (others' that are there stay), and the deprecation date.
// Idempotent.
void release(const Region& region, const std::string& ami, const std::string& snapshot_id);

// The launch template's new version, made once, then the parameters. Idempotent. A launch template or parameter that
// has a later image of this ledger stays as it is, which is said. Returns the parameters that have this one.
std::vector<std::string> announce(const Region& region, const std::string& ami);

// Sets one parameter to the image and waits until it can be read so.
void set_parameter(const Region& region, const std::string& name, const std::string& ami);

}  // namespace compose::publish
