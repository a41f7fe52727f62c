#pragma once
// Which GPG key signs what is published.

#include <optional>

#include "recipe/recipe.hpp"
#include "sign/gpg.hpp"

namespace compose::publish {

// The signer that [publish.ostree] gpg-key and gpg-secret-key ask for; nothing without a gpg-key. Throws Error(input)
// when the secret key is not where the recipe says, and for a file of it that others can read.
std::optional<sign::GpgSigner> gpg_signer(const recipe::PublishOstree& publish);

}  // namespace compose::publish
