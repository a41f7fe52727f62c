#pragma once
// The package repositories of a recipe: its .repo files, and what it says about them.

#include <string>
#include <vector>

#include "recipe/recipe.hpp"
#include "rpm/repo_file.hpp"

namespace compose::layers {

// What .repo files may refer to, on a base of this release.
rpm::Variables repo_variables(const std::string& releasever);

// The enabled repositories of all .repo files, in the order of the recipe; `gpg_check` is off for those that it takes
// unsigned. Throws Error(input) with every problem of all files: theirs, one id twice, signatures that nobody could or
// would check though the recipe does not say so.
std::vector<rpm::RepoConfig> read_repositories(const recipe::Packages& packages, const rpm::Variables& variables);

}  // namespace compose::layers
