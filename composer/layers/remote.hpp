#pragma once
// What a host needs to upgrade from the repository that [publish.ostree] names: the remote's file and the keys.

#include <string>

#include "ostree/tree.hpp"
#include "recipe/recipe.hpp"

namespace compose::layers {

// Writes /usr/etc/ostree/remotes.d/REMOTE.conf (ostree.repo-config(5)) and, with a GPG key, REMOTE.trustedkeys.gpg
// beside it, which libostree takes instead of its global keyrings. Commits and the summary have to be signed by each
// kind of key that the tree's libostree can verify: GPG where there is a key, Ed25519 (`ed25519_key_file`, a path in
// the tree) where it is built in. Throws Error(input) when that is neither, and for a GPG key file that holds none.
void put_remote(ostree::Tree& tree, const recipe::PublishOstree& publish, const std::string& ed25519_key_file);

// All that put_remote() depends on besides the tree, for the layer's identity.
std::string describe_remote(const recipe::PublishOstree& publish);

}  // namespace compose::layers
