#pragma once
// What a package's header says, from a file or from a database: librpm's handle to our values. For the sources of this
// module only; everything under a LogCapture.

#include <cstdint>
#include <string>
#include <vector>

#include "rpm/library.hpp"
#include "rpm/package.hpp"

namespace compose::rpm {

// All values of a tag; none when the header has no such tag.
std::vector<std::string> header_strings(Header header, rpmTagVal tag);
std::vector<std::uint64_t> header_numbers(Header header, rpmTagVal tag);

Nevra nevra_of(Header header);

// Throws Error(input) for a list that is not well formed (package.hpp); afterwards librpm's own readers of the list
// are safe to use.
std::vector<PackageFile> files_of(Header header);

std::vector<Script> scripts_of(Header header);
std::vector<Trigger> triggers_of(Header header);

// All of it.
PackageInfo info_of(Header header);

// A package file that is open: its header, and the descriptor standing at the payload.
struct OpenPackage {
  RpmFile file;
  HeaderHandle header;
};

// Throws Error(input) when it is not a package, a source package, or of another format than 4; Error(mismatch) when the
// header's digest is wrong. Signatures are not looked at (rpm/download.hpp does).
OpenPackage open_package(const fs::path& package);

}  // namespace compose::rpm
