#pragma once
// Which key signs: the recipe's, or the user's own, made on first use.

#include "recipe/recipe.hpp"
#include "sign/keys.hpp"
#include "support/events.hpp"

namespace compose::build {

// $XDG_CONFIG_HOME/atomic-compose/signing.key, or below ~/.config. Throws Error(input) when neither variable is set.
fs::path default_key_file();

// The key that [sign] names. Without one: the user's own from default_key_file(), made (mode 0600) when it is not there
// yet, which is said. Never part of a commit. Throws Error(input) when the named key is missing or damaged.
sign::SecretKey signing_key(const recipe::Sign& sign, Events& events);

}  // namespace compose::build
