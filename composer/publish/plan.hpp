#pragma once
// What `publish` would do, from the ledger alone: no region is asked, no credentials are needed.

#include <cstdint>
#include <string>
#include <vector>

#include "publish/history.hpp"
#include "publish/subject.hpp"
#include "recipe/recipe.hpp"

namespace compose::publish {

struct RegionPlan {
  Place place;           // the account is the one that published here last; empty when none has
  std::string snapshot;  // the one that is there or goes on; empty: a new one
  std::string ami;       // that is there
  std::string parent;    // empty: a full upload
  std::string why_full;
  std::uint64_t blocks = 0;        // still to be sent
  std::uint64_t of_blocks = 0;     // of all that count in the image
  std::vector<std::string> calls;  // "ebs PutSnapshotBlock 43 times"
};

// Throws Error(input) for what makes publishing impossible, Error(usage) as chosen_regions() does.
std::vector<RegionPlan> plan_regions(const recipe::Recipe& recipe, const Subject& subject, const History& history,
                                     const std::vector<std::string>& named);

}  // namespace compose::publish
