#pragma once
// Repositories' metadata, fetched with librepo: repomd.xml, primary and filelists (createrepo_c(8)).

#include <string>
#include <vector>

#include "rpm/repo_file.hpp"
#include "support/events.hpp"

namespace compose::rpm {

// One repository's metadata on disk, checked against repomd.xml's digests (and repomd.xml against its signature where
// repo_gpg_check asks).
struct Metadata {
  RepoConfig repo;
  fs::path repomd;
  fs::path primary;
  fs::path filelists;    // empty when the repository has none
  std::string revision;  // repomd.xml's
};

// Asks each repository what it has now. Files are kept under `cache`/metadata and fetched again only when repomd.xml
// changed. Throws Error(unreachable) when no mirror answers, Error(mismatch) when a digest or signature does not match.
std::vector<Metadata> fetch_metadata(const std::vector<RepoConfig>& repos, const fs::path& cache, Events& events);

}  // namespace compose::rpm
