#pragma once
// The first step in a region: the image as a completed snapshot. Built on the region's last one where there is one, and
// taken up where a killed run left it.

#include <cstdint>
#include <string>

#include "publish/region.hpp"

namespace compose::publish {

struct SnapshotOutcome {
  std::string id;
  std::string parent;        // empty: a full upload
  std::string why_full;      // for people; empty where there is a parent, or nothing was sent
  std::uint64_t blocks = 0;  // that make up the snapshot's difference
  std::uint64_t sent = 0;    // of them, by this run
};

// Whether the ledger has a snapshot to build on that is large enough for `image` to fit; its blocks are in
// history.images. Otherwise `why` says why not.
const Snapshot* usable_parent(const History& history, const Place& place, const Subject& subject, std::string& why);

// Idempotent. Throws what the wire throws, Error(mismatch) when the image changes meanwhile.
SnapshotOutcome ensure_snapshot(const Region& region);

}  // namespace compose::publish
