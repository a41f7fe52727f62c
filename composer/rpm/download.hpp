#pragma once
// Packages by digest: fetched once, kept, and checked before anything reads them.

#include <cstdint>
#include <string>
#include <vector>

#include "rpm/repo_file.hpp"
#include "support/events.hpp"

namespace compose::rpm {

// A package as the lock pins it.
struct PackageSource {
  std::string nevra;
  std::string location;  // within the repository; a path when `repo` is null
  std::uint64_t size_bytes = 0;
  std::string sha256;
  const RepoConfig* repo = nullptr;  // null: a local file
};

// Keys that may sign a package; `checked` false: any package will do, because the recipe says so.
struct Trust {
  bool checked = true;
  std::vector<std::string> keys;  // URLs or paths of OpenPGP public keys
};

// Brings all of them to `cache`/packages/SHA256.rpm; those that are there are not fetched again (a lock with digests
// makes builds without a network possible). An interrupted download resumes. Each file's size and sha256 are checked
// against the lock, those of the cache too, and that it holds the package of that name. Returns the files in the order
// of `packages`. Throws Error(unreachable), Error(mismatch).
std::vector<fs::path> fetch_packages(const std::vector<PackageSource>& packages, const fs::path& cache, Events& events);

// The keys of `trust`, fetched where they are URLs and kept in `cache`/keys, as files named by their content. What was
// fetched from a URL once is not asked for again. Throws Error(unreachable), Error(input) when a file holds no key.
std::vector<fs::path> fetch_keys(const Trust& trust, const fs::path& cache);

// Throws Error(mismatch) unless the package's header and payload digests are right and one of `keys` signed it;
// the message says whether it is unsigned, signed by another key (which), or damaged.
void verify_package(const fs::path& package, const std::vector<fs::path>& keys);

// Only the digests: for a repository that the recipe takes unsigned.
void verify_digests(const fs::path& package);

// Throws Error(mismatch) unless the package's header says that it is this one.
void verify_name(const fs::path& package, const std::string& nevra);

}  // namespace compose::rpm
