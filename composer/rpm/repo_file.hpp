#pragma once
// The .repo files that people have (dnf.conf(5), "[repo] options"): text to values. Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/path.hpp"

namespace compose::rpm {

struct RepoConfig {
  std::string id;
  std::string name;
  std::vector<std::string> base_urls;  // http, https or file; "$releasever" and "$basearch" replaced
  std::string metalink;                // URL, or empty
  std::string mirrorlist;              // URL, or empty
  std::vector<std::string> gpg_keys;   // URLs (file:// among them); paths are made absolute against the .repo file
  bool gpg_check = true;               // each package's own signature
  bool repo_gpg_check = false;         // repomd.xml's
  int priority = 99;                   // dnf's sense: lower wins
  int cost = 1000;
  std::vector<std::string> exclude;       // excludepkgs: globs over names or NEVRAs
  std::vector<std::string> include_only;  // includepkgs
  std::string place;                      // "FILE:LINE" of the section
};

// What "$NAME" stands for in the file: releasever, basearch, arch.
using Variables = std::map<std::string, std::string>;

// The sections that are enabled, in the file's order. `file` names the place in messages and is what relative paths are
// relative to: beyond dnf, what has no SCHEME:// is a path (gpgkey=keys/own.asc, baseurl=../rpms). Throws Error(input)
// listing every problem as "FILE:LINE: …": syntax, wrong values, a section without a source, an unknown variable in a
// URL, credentials. Keys that only concern dnf's own behaviour are passed over.
std::vector<RepoConfig> parse_repo_file(std::string_view text, const fs::path& file, const Variables& variables);

}  // namespace compose::rpm
