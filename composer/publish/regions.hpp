#pragma once
// The regions of one run, and doing something in all of them at once.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "publish/access.hpp"
#include "publish/region.hpp"
#include "support/error.hpp"

namespace compose::publish {

// The recipe's regions, or those of them that are named. Throws Error(usage) for one that is not among them.
std::vector<std::string> chosen_regions(const recipe::PublishAws& wanted, const std::vector<std::string>& named);

// What it is made with must outlive it.
class Regions {
 public:
  // Asks whose credentials these are, once for each partition: throws what that throws, and Error(usage) for regions
  // that the recipe does not have.
  Regions(const recipe::Recipe& recipe, const Subject& subject, const std::vector<std::string>& named, Access& access,
          Ledger& ledger, Events& events);

  std::size_t size() const { return regions_.size(); }
  const Region& operator[](std::size_t i) const { return regions_[i]; }

  // Calls `step` for each region, on a thread of its own. A region where it throws takes no more steps.
  void each(const std::function<void(const Region& region, std::size_t i)>& step);

  const std::optional<Error>& error(std::size_t i) const { return errors_[i]; }
  bool all_right() const;
  // Of the first error's kind; 0 when there is none.
  int exit_code() const;

 private:
  std::vector<Region> regions_;
  std::vector<std::optional<Error>> errors_;
};

}  // namespace compose::publish
