#pragma once
// Taking a published version away: only what the ledger says is ours, and nothing that anybody is pointed to.

#include <string>
#include <vector>

#include "publish/regions.hpp"

namespace compose::publish {

struct Retirement {
  Place place;
  std::string ami;  // empty: nothing is published here
  std::string snapshot;
  std::vector<std::string> parameters;  // that name this version and go with it
  bool is_parent = false;               // the next image would have been built on it
  bool done = false;
  std::optional<Error> error;  // why it cannot be, or what went wrong
};

// What would go; asks the regions, changes nothing. A region where a parameter or a launch template still leads to the
// image has an error.
std::vector<Retirement> plan_retirement(Regions& regions);

// Parameters first, then the image, then the snapshot. For what plan_retirement() returned of the same regions.
void retire(Regions& regions, std::vector<Retirement>& plan);

}  // namespace compose::publish
