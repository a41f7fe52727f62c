#pragma once
// A repository's files "summary" and "summary.sig", which change together or not at all.
//
// A host with GPG refuses a summary beside the other one's signature, and a file with the signatures of both helps
// nobody: gpg ends at the first bad one. Two files cannot be renamed at once, but a link can: "summary" leads to
// summaries/current/summary, and summaries/current to the folder of one pair.

#include <string>

#include "support/path.hpp"

namespace compose::publish {

struct SummaryFiles {
  std::string summary;
  std::string signature;  // both empty: there are none
  bool operator==(const SummaryFiles&) const = default;
};

// Throws Error(failed) for a file that is larger than any summary.
SummaryFiles read_summary_files(const fs::path& repository);

// Replaces both. For the one publisher; what it left when it was killed is removed.
void write_summary_files(const fs::path& repository, const SummaryFiles& files);

}  // namespace compose::publish
