#pragma once
// Which packages a recipe needs on its base: libsolv over the base's rpmdb and the repositories' metadata.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rpm/metadata.hpp"
#include "rpm/nevra.hpp"

namespace compose::rpm {

// What somebody asked for, and where: for the explanation when it cannot be had.
struct Wanted {
  std::string spec;   // a name, NEVRA, glob, "name >= version", or an absolute path that a package has
  std::string place;  // "recipes/x.toml:12:14"
};

struct Request {
  std::vector<Wanted> install;
  std::vector<Wanted> remove;        // base packages to take out; what needs them must go too, by name
  std::vector<Wanted> replace;       // base packages (names or globs) that may get another version; others stay
  std::vector<std::string> exclude;  // globs over names or NEVRAs that no repository has, as far as we are concerned
  bool weak = false;                 // Recommends count
  std::vector<fs::path> local;       // package files of the recipe's own; each is installed
  std::string arch = "x86_64";       // rpm's name for the base's; only this and noarch are looked at
  // Packages that have to be just these (a lock's, while one of them is renewed): "NEVRA" and repository. Of their
  // names no other version is taken, and they are preferred where several packages would do; they are not installed
  // only because they are pinned. One that its repository no longer has is an Error(input).
  struct Pinned {
    std::string nevra;
    std::string repo;
  };
  std::vector<Pinned> pinned;
};

struct SolvedPackage {
  Nevra nevra;
  std::string repo;      // its id; "local" for a file of the recipe's own
  std::string location;  // within the repository ("Packages/a/agent-1-1.x86_64.rpm"), or the local file's path
  std::uint64_t size_bytes = 0;
  std::string sha256;  // of the file
};

struct Solution {
  std::vector<SolvedPackage> install;  // sorted by NEVRA
  std::vector<Nevra> remove;           // of the base, sorted; those that are replaced among them
};

// `rpmdb` is a private copy of the base's database folder (rpm/database.hpp), or nothing for a base without one: then
// `assume_provides` ("/bin/sh", "systemd", "name = version") is all that the base offers. The order of the request
// does not matter. Throws Error(input) when there is no solution: the solver's words, and which entry of the recipe
// asked for it.
Solution solve(const std::optional<fs::path>& rpmdb, const std::vector<std::string>& assume_provides,
               const std::vector<Metadata>& repos, const Request& request);

}  // namespace compose::rpm
