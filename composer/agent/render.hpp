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
  std::string runtime = "docker";                  // one of the profile's, in this form
  std::string image_id;                            // "sha256:…": what `docker images` shows for the archive's image
  Form form = Form::container;                     // as RPM nothing of the container is rendered
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
// and for a container the image's id. Depends on its arguments alone. Throws Error(input) when a value cannot be
// written so that every program that reads the configuration file (systemd, Docker, the agent) gets the same from it,
// when a setting would have no effect, or when the profile has no such option, runtime or form.
std::vector<GeneratedFile> render(const Profile& profile, const Settings& settings);

// The agent's configuration where its package ships one too: the package's lines, except those that set what
// `rendered` sets, then `rendered`. So what the recipe says counts, whether a reader takes the first or the last.
std::string config_over(const std::string& packaged, const std::string& rendered);

// The names that templates may use, with their values:
//   name config cluster_key
//   unit            runs the agent
//   runtime runtime_program runtime_socket runtime_socket_unit runtime_service bridge
//   settings        lines NAME=VALUE: what the options say, then the recipe
//   option.NAME     "true" or "false"
// and where the agent is a container:
//   container image_id image_archive image_id_file
//   run_arguments   of `RUNTIME run`: options, binds that are always there, environment; continued lines
//   command         what follows the image: words
//   optional_binds  lines "SOURCE SOURCE:TARGET[:ro]", for the runtime's --volume
std::map<std::string, std::string> template_values(const Profile& profile, const Settings& settings);

// The files that render() makes for directories and kernel settings; "" when the profile has none.
std::string tmpfiles_path(const Profile& profile, const Settings& settings);
std::string sysctl_path(const Profile& profile);

// Whether an option holds; one of another form does not. Throws Error(input) when the profile has none of that name, or
// the recipe chooses one that has no effect in this form.
bool option_holds(const Profile& profile, const Settings& settings, const std::string& name);

// The arguments of the runtime's `run` besides binds and environment: the profile's, the runtime's, the options'.
std::vector<std::string> effective_arguments(const Profile& profile, const Settings& settings);

// What the agent can run under in that form, best first; one empty name: it needs no container runtime. Throws
// Error(input) when the profile does not have that form.
const std::vector<std::string>& runtimes_of(const Profile& profile, Form form);

// Whether something that is bound to `runtime` ("" = to none) counts under the chosen one.
bool counts_under(const std::string& runtime, const Settings& settings);
// Whether something that is bound to a form, or to none, counts in the chosen one.
bool counts_in(const std::optional<Form>& form, const Settings& settings);

// Both, for whatever of the two an item of a profile has.
template <typename Item>
bool counts(const Item& item, const Settings& settings) {
  if constexpr (requires { item.runtime; }) {
    if (!counts_under(item.runtime, settings)) return false;
  }
  return counts_in(item.form, settings);
}

}  // namespace compose::agent
