#pragma once
// With a range of subordinate ids programs give files to users whose files we cannot read or remove. So they are ours
// while no program runs, and it is remembered whose they are.

#include <map>
#include <string>
#include <vector>

#include "sandbox/launch.hpp"

namespace compose::sandbox {

class ForeignOwners {
 public:
  // Takes all of `folder` that is not root's inside, and remembers whose it was. Throws Error(failed).
  void take(const IdMapping& ids, const fs::path& folder);

  // To be given back before a program sees them again; forget() when that is done.
  const std::vector<Owner>& taken() const { return owners_; }
  void forget() { owners_.clear(); }

  // By their paths below `folder`.
  std::map<std::string, Owner> by_path(const fs::path& folder) const;

 private:
  std::vector<Owner> owners_;
};

}  // namespace compose::sandbox
