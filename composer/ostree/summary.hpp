#pragma once
// A repository's summary: which commit each ref is, and which deltas there are, for hosts (ostree-core.h,
// OSTREE_SUMMARY_GVARIANT_FORMAT); and, for publishers, which versions each ref had before. libostree writes the
// clock's time into its own; this one is a function of what it lists.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ostree/delta.hpp"
#include "ostree/repository.hpp"

namespace compose::ostree {

struct PublishedVersion {
  std::string version;  // of the commit's metadata; may be empty
  std::string commit;
  bool operator==(const PublishedVersion&) const = default;
};

struct Summary {
  // By ref, the current version first. Kept in the ref's metadata as "atomic-compose.history", a(ss).
  std::map<std::string, std::vector<PublishedVersion>> histories;
  std::map<DeltaName, std::string> deltas;  // SHA-256 of the superblock, as text
};

// The summary's bytes; its time is the newest current commit's. All commits that are current have to be in `archive`;
// no history may be empty.
std::string encode(const Summary& summary, Repository& archive);

// Throws Error(input), naming `origin`, for bytes that are no summary. A ref without our history gets one with its
// current commit alone.
Summary decode_summary(std::string_view bytes, std::string_view origin);

}  // namespace compose::ostree
