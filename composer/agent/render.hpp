#pragma once
// From a profile and what a recipe says to the files that go into the tree.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/profile.hpp"
#include "support/content.hpp"

namespace compose::agent {

struct Settings {
  std::optional<std::string> cluster;              // the profile's default when absent
  std::map<std::string, std::string> environment;  // more lines of the configuration file
  std::string image_id;                            // "sha256:…": what `docker images` shows for the archive's image
};

// One entry of the tree. meta.mode has the type bits and tells files, directories and symbolic links apart.
struct GeneratedFile {
  std::string path;  // in the tree: "/usr/etc/…", not "/etc/…"
  FileMeta meta;
  std::string content;         // regular files
  std::string symlink_target;  // symbolic links
};

// Everything the profile adds besides the image's archive, sorted by path (so directories before what is in them):
// templates, the configuration file, /etc's directories, a tmpfiles.d file for those of /var and /run, the image's id.
// Depends on its arguments alone. Throws Error(input) when a value cannot be written so that every program that reads
// the configuration file (systemd, Docker, the agent) gets the same from it, or when a setting would have no effect.
std::vector<GeneratedFile> render(const Profile& profile, const Settings& settings);

// The names that templates may use, with their values.
std::map<std::string, std::string> template_values(const Profile& profile, const std::string& image_id);

}  // namespace compose::agent
