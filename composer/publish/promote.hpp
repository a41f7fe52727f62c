#pragma once
// Moving a parameter to an image that is published already, such as from testing to stable: all regions or none begin.

#include <string>
#include <vector>

#include "publish/regions.hpp"

namespace compose::publish {

struct Promotion {
  Place place;
  std::string ami;
  std::string previous;  // the parameter's value until now, or empty
  std::optional<Error> error;
};

// The image of regions.subject. Error in a region where it is not released; then no region's parameter moves.
std::vector<Promotion> promote(Regions& regions, const std::string& parameter);

// The version whose image `parameter` has in a place. Throws Error(input) when it has none of the ledger's.
std::string version_behind(const std::string& parameter, const Place& place, aws::Client& client,
                           const History& history);

}  // namespace compose::publish
