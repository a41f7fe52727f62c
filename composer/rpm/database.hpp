#pragma once
// The rpm database of a tree, always on a private copy: librpm writes into the folder of a database that it reads.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rpm/nevra.hpp"
#include "rpm/package.hpp"
#include "support/path.hpp"

namespace compose::rpm {

// Where a tree may have its database, in the order in which to look, each with the file that tells.
extern const std::vector<std::string> database_folders;  // "/usr/share/rpm", "/usr/lib/sysimage/rpm", "/var/lib/rpm"
extern const std::vector<std::string> database_files;    // "rpmdb.sqlite", "Packages.db", "Packages"

// All packages in the database of the folder, sorted; gpg-pubkey is none. Throws Error(input) when it cannot be read.
std::vector<Nevra> installed_packages(const fs::path& rpmdb);

// What a package of the database consists of (for removing it, and for its triggers). Nothing when it is not there.
std::optional<PackageInfo> installed_package(const fs::path& rpmdb, const Nevra& nevra);

// Every package of the database, in no order that means anything. librpm is locked meanwhile.
void for_each_installed(const fs::path& rpmdb, const std::function<void(const PackageInfo&)>& visit);

// Triggers that files set off, of all packages in the database, with the package's NEVRA.
struct InstalledTrigger {
  Nevra package;
  Trigger trigger;
};
std::vector<InstalledTrigger> installed_file_triggers(const fs::path& rpmdb);

// Which packages own these paths, as packaged. Absolute path -> NEVRAs, paths nobody owns left out.
std::map<std::string, std::vector<Nevra>> owners_of(const fs::path& rpmdb, const std::set<std::string>& paths);

// Adds `packages` to, and takes `removed` from, the database in the folder (made when it is empty): nothing else of the
// packages is touched. Afterwards the folder holds the database alone, without write-ahead log or lock, in bytes that
// depend only on what it was and the arguments; `time` (seconds since 1970) is what it says of when. The format is
// sqlite.
void update_database(const fs::path& rpmdb, const std::vector<fs::path>& packages, const std::vector<Nevra>& removed,
                     std::uint64_t time);

}  // namespace compose::rpm
