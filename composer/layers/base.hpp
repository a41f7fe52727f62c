#pragma once
// The base layer: somebody's OSTree commit, fetched and checked.

#include <string>

#include "layers/layer.hpp"
#include "recipe/recipe.hpp"

namespace compose::layers {

// Asks the base's repository which commit its ref is, and fetches that commit object. Signatures are checked as
// [base] verify says: a commit without a valid one is an Error(mismatch).
std::string resolve_base(Context& context, const recipe::Base& base);

// The base at exactly `commit`. Objects that are in the workspace already are not fetched again.
Layer base_layer(const recipe::Base& base, const std::string& commit);

}  // namespace compose::layers
