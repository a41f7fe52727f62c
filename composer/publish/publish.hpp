#pragma once
// The same image in every region, in two steps that all regions take together: an available image first, and only when
// every wanted region has one, who may use it and who learns of it. A region that fails does not stop the others.

#include <optional>
#include <string>
#include <vector>

#include "publish/regions.hpp"
#include "publish/snapshot_step.hpp"

namespace compose::publish {

struct RegionReport {
  Place place;
  SnapshotOutcome snapshot;
  std::string ami;
  bool released = false;
  std::vector<std::string> parameters;
  aws::Counters traffic;
  std::optional<Error> error;
};

struct PublishReport {
  std::vector<RegionReport> regions;  // in the recipe's order
  int exit_code = 0;                  // of the first error; 0: every region has everything
};

// `named`: those of the recipe's regions that are meant, all when empty. Throws Error(input) for what can be seen
// without asking any region, and as Regions does. Idempotent, and goes on where a killed run was.
PublishReport publish_image(const recipe::Recipe& recipe, const Subject& subject, const std::vector<std::string>& named,
                            Access& access, Ledger& ledger, Events& events);

}  // namespace compose::publish
