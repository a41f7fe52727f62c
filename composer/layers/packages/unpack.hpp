#pragma once
// Packages into a tree, without checking it out and without running anything: content goes from the payload into the
// repository, owners, modes and capabilities come from the header.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ostree/tree.hpp"
#include "rpm/database.hpp"
#include "rpm/package.hpp"
#include "support/events.hpp"

namespace compose::layers {

// A path of the tree that does not belong to root:root. It is root's until set_owners(): not to be committed before.
struct UnpackedFile {
  std::string path;
  std::string user;
  std::string group;
  std::string package;  // NEVRA, for messages
};

struct Unpacked {
  std::vector<rpm::PackageInfo> packages;  // in the order given
  std::vector<UnpackedFile> owned;         // sorted by path
  std::vector<std::string> tmpfiles;       // lines for /usr/lib/tmpfiles.d, sorted; what the tree declares is left out
  std::set<std::string> paths;             // every path of the tree that the packages have
};

// Puts the packages into `tree`, in this order. Within an open transaction. `scratch` is a folder for one file at a
// time. `rpmdb` is a private copy of the base's database, if there is one: for saying who owns a path.
// A path that is there already has to be the same (type, mode, owner, capabilities, content), else Error(input) names
// both owners; only a base's file that a package marks %config(noreplace) stays, and is noted in `events`. Throws
// Error(input) for what cannot be part of a commit (placement.hpp), Error(mismatch) for a damaged package. `var_files`:
// names or globs of the packages whose files in /var are copied there by the host.
Unpacked unpack(ostree::Tree& tree, const std::vector<fs::path>& packages_in_order, const fs::path& scratch,
                const std::optional<fs::path>& rpmdb, Events& events, const std::vector<std::string>& var_files = {});

// Gives the files to the users and groups by their numbers; setuid bits and capabilities stay. Throws Error(input)
// naming package and path for a name that is in neither map (root is always known).
void set_owners(ostree::Tree& tree, const std::vector<UnpackedFile>& files,
                const std::map<std::string, std::uint32_t>& users, const std::map<std::string, std::uint32_t>& groups);

// Takes out of the tree what only these packages of the base own, before unpack(): files, and folders that are empty
// then. `rpmdb` is a private copy of the base's database, as it was before.
void remove_packages(ostree::Tree& tree, const fs::path& rpmdb, const std::vector<rpm::Nevra>& removed);

// The text of /usr/lib/tmpfiles.d/packages-var.conf.
std::string tmpfiles_text(const std::vector<std::string>& lines);

}  // namespace compose::layers
