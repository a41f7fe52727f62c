#pragma once
// Reads a chain of commits out of the workspace's repository as plain values.

#include <string>
#include <vector>

#include "ostree/repository.hpp"
#include "support/content.hpp"

namespace compose::ostree {

// All objects of `commits` (checksums, base first; at least one). Parts that commits share are read once. Only the
// metadata of files is read, their bytes stay where they are.
// Throws Error(input) for a repository that is not bare-user, a missing object, and an object that is not valid
// (names with '/', unknown file types, a name twice in a directory).
ChainContent read_chain(const Repository& repository, const std::vector<std::string>& commits);

// What a bare-user repository keeps in a content object's attribute user.ostreemeta: GVariant (uuua(ayay)), the numbers
// big-endian.
std::string encode_file_metadata(const FileMeta& meta);

}  // namespace compose::ostree
