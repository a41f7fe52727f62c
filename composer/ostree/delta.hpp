#pragma once
// Static deltas: what differs between two commits as a few files, so that a host need not ask for each object
// (ostree's docs/formats.md, "static delta"; ostree-repo-static-delta-private.h).

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "ostree/repository.hpp"

namespace compose::ostree {

struct DeltaName {
  std::string from;  // commit; empty: from scratch
  std::string to;
  bool operator<(const DeltaName& other) const { return std::tie(from, to) < std::tie(other.from, other.to); }
  bool operator==(const DeltaName&) const = default;
};

struct Delta {
  std::string superblock_sha256;  // 64 hexadecimal characters: what a summary says of it
  std::uint64_t bytes = 0;        // of all its files
};

// Makes the delta unless it is there. It appears whole, or not at all. Its superblock carries `to`'s time, where
// libostree writes the clock's: the same commits and signatures give the same delta. It is not "signed" by itself: a
// libostree that pulls over http does not read such ones (it takes what a verified summary says of the superblock).
Delta make_delta(Repository& archive, const DeltaName& name);

// All that are whole.
std::map<DeltaName, Delta> deltas_of(const Repository& archive);

void delete_delta(const Repository& archive, const DeltaName& name);

// Removes what an interrupted make_delta() or delete_delta() left. For the one publisher.
void remove_delta_leftovers(const Repository& archive);

}  // namespace compose::ostree
