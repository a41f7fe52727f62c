#pragma once
// Keys that may sign packages, as librpm takes them. For the sources of this module only.

#include <vector>

#include "rpm/library.hpp"
#include "support/path.hpp"

namespace compose::rpm {

// All keys of the files with their subkeys, and no other. Under a LogCapture. Throws Error(input) naming a file that
// holds none.
Keyring make_keyring(const std::vector<fs::path>& keys);

}  // namespace compose::rpm
