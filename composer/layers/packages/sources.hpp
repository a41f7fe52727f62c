#pragma once
// Where a recipe's packages come from, and who may have signed them.

#include <string>
#include <vector>

#include "layers/layer.hpp"
#include "lock/lock.hpp"
#include "recipe/recipe.hpp"
#include "rpm/download.hpp"
#include "rpm/repo_file.hpp"

namespace compose::layers {

// The id under which package files of the recipe's own go, in locks and in `unsigned`.
extern const char* const local_repo;

// The recipe's repositories for this base: $releasever is the recipe's word, else the VERSION_ID of the base's
// os-release. Throws what read_repositories() throws: a
// .repo file that says $releasever when nobody knows it is wrong.
std::vector<rpm::RepoConfig> repositories_for(const recipe::Packages& packages, const ostree::Tree& base);

// The locked packages as files of the cache, in the lock's order, each one's digest and signature checked. Throws
// Error(input) when the recipe no longer has a repository that the lock names.
std::vector<fs::path> fetch_locked(Context& context, const recipe::Packages& packages,
                                   const std::vector<lock::Lock::Package>& locked,
                                   const std::vector<rpm::RepoConfig>& repos);

// All that decides whether a package is let in, as text for a layer's inputs.
std::string describe_trust(const recipe::Packages& packages);

}  // namespace compose::layers
