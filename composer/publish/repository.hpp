#pragma once
// The OSTree repository that hosts upgrade from, in a folder: what goes in, in which order, and what is removed again.
//
// A commit of ours has no parent: it is the same whatever was published before. The order of versions is kept in the
// summary (ostree/summary.hpp), which is signed, and the only record there is.
//
// Objects come first, then deltas, the ref, and last the summary with its signatures (summary_files.hpp): at any time
// the folder is in its old state or its new one for whoever begins with the summary. A publisher that was killed leaves
// one of these states, and the next run goes on from it. Hosts ask for the signature, then for the summary: one that
// does so at the very moment refuses what it got, and gets it when it tries again.

#include <optional>
#include <string>
#include <vector>

#include "ostree/archive.hpp"
#include "ostree/summary.hpp"
#include "recipe/recipe.hpp"
#include "sign/gpg.hpp"
#include "sign/keys.hpp"
#include "support/events.hpp"

namespace compose::publish {

struct Release {
  std::string ref;
  std::string version;
  std::string commit;
};

struct Signers {
  const sign::SecretKey& ed25519;
  const sign::GpgSigner* gpg = nullptr;  // null: no such signatures
};

enum class Downgrade { refused, allowed };

struct DeltaReport {
  ostree::DeltaName name;
  std::uint64_t bytes = 0;
};

struct RepositoryReport {
  bool changed = false;  // the summary or its signatures are others than before
  ostree::Missing copied;
  std::vector<DeltaReport> deltas;                  // to this commit
  std::vector<ostree::PublishedVersion> history;    // this version first
  std::vector<ostree::PublishedVersion> forgotten;  // no longer among the kept ones; prune_repository() deletes them
  std::string summary_sha256;
};

// What publish_repository() would do. Changes nothing; makes no folder either.
struct RepositoryPlan {
  bool is_new = false;  // there is no repository yet
  bool up_to_date = false;
  ostree::Missing missing;
  std::vector<ostree::DeltaName> deltas;  // to be made
  std::vector<ostree::PublishedVersion> history;
  std::vector<ostree::PublishedVersion> forgotten;
};

// Both throw Error(input) where `release` must not be published: its version is published with another commit, or it is
// older than what the ref is now (by the commit's time, as hosts see it, or because it was published before) and that
// is not allowed.
RepositoryPlan plan_repository(const fs::path& folder, ostree::Repository& source, const Release& release,
                               const recipe::PublishOstree& wanted, Downgrade downgrade);

// Waits while somebody else publishes to the same folder. `release` has to be complete and signed in `source`.
RepositoryReport publish_repository(const fs::path& folder, ostree::Repository& source, const Release& release,
                                    const recipe::PublishOstree& wanted, const Signers& signers, Downgrade downgrade,
                                    Events& events);

// What no ref and no kept version of any ref needs: objects, and deltas that lead to no current commit or start from
// none that is kept.
struct PruneReport {
  ostree::Unneeded objects;
  std::vector<ostree::DeltaName> deltas;
  std::uint64_t delta_bytes = 0;
  std::vector<ostree::PublishedVersion> kept;
};
PruneReport prune_repository(const fs::path& folder, ostree::Deletion deletion, Events& events);

}  // namespace compose::publish
