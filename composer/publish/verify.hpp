#pragma once
// Whether what is published is what the recipe and the image say: asks the regions, changes nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "publish/regions.hpp"

namespace compose::publish {

enum class Depth { attributes, blocks };

struct RegionVerdict {
  Place place;
  std::string ami;
  std::string snapshot;
  std::vector<std::string> differences;  // "boot mode is 'uefi', not 'uefi-preferred'"
  std::vector<std::string> notes;        // what is there beside what was asked for
  std::uint64_t blocks_read = 0;
  std::optional<Error> error;

  bool right() const { return differences.empty() && !error; }
};

// The published image of regions.subject in each region. With Depth::blocks every block of the snapshots is read and
// compared with the image's; blocks that only a snapshot has must be zeros.
std::vector<RegionVerdict> verify_regions(Regions& regions, Depth depth);

}  // namespace compose::publish
