#pragma once
// From a profile and what a recipe says to the files that go into the tree.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/profile.hpp"
#include "recipe/recipe.hpp"
#include "support/content.hpp"

namespace compose::agent {

struct Settings {
  std::optional<std::string> cluster;              // the profile's default when absent
  std::map<std::string, std::string> environment;  // more lines of the configuration file
  std::map<std::string, recipe::Choice> options;   // the profile's default for those that are absent
  std::string runtime = "docker";                  // one of the profile's
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
// templates, the configuration file, /etc's directories, a tmpfiles.d file for those of /var and /run, a sysctl.d file,
// the image's id. Depends on its arguments alone. Throws Error(input) when a value cannot be written so that every
// program that reads the configuration file (systemd, Docker, the agent) gets the same from it, when a setting would
// have no effect, or when the profile has no such option or runtime.
std::vector<GeneratedFile> render(const Profile& profile, const Settings& settings);

// The names that templates may use, with their values:
//   name container image_id image_archive image_id_file config cluster_key
//   runtime runtime_program runtime_socket runtime_socket_unit runtime_service bridge
//   run_arguments   of `RUNTIME run`: options, binds that are always there, environment; continued lines
//   command         what follows the image: words
//   optional_binds  lines "SOURCE SOURCE:TARGET[:ro]", for the runtime's --volume
//   settings        lines NAME=VALUE: what the options say, then the recipe
//   option.NAME     "true" or "false"
std::map<std::string, std::string> template_values(const Profile& profile, const Settings& settings);

// The files that render() makes for directories and kernel settings; "" when the profile has none.
std::string tmpfiles_path(const Profile& profile);
std::string sysctl_path(const Profile& profile);

// Whether an option holds. Throws Error(input) when the profile has none of that name.
bool option_holds(const Profile& profile, const Settings& settings, const std::string& name);

// The arguments of the runtime's `run` besides binds and environment: the profile's, the runtime's, the options'.
std::vector<std::string> effective_arguments(const Profile& profile, const Settings& settings);

// Whether something that is bound to `runtime` ("" = to none) counts under the chosen one.
bool counts_under(const std::string& runtime, const Settings& settings);

}  // namespace compose::agent
