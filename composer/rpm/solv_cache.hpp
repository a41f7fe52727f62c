#pragma once
// A repository's metadata as libsolv's packages. For the sources of this module only.

#include "rpm/metadata.hpp"
#include "rpm/pool.hpp"

namespace compose::rpm {

// Reads the metadata's packages, with all their files, into `repo`. XML of a large repository takes seconds to parse:
// its parsed form stays beside it ("NAME.solv") and is used next time, unless it is damaged or another version's.
// Throws Error(input) when the metadata cannot be parsed.
void load_metadata(Repo* repo, const Metadata& metadata);

}  // namespace compose::rpm
