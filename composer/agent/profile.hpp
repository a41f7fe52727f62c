#pragma once
// An agent's profile: a folder of agent-layer/ that says, as data, all that a tree needs for one cluster agent to run,
// as a container or from an RPM. agent-layer/README.md is the reference of every key. Nothing about any agent is known
// here.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "recipe/recipe.hpp"
#include "support/path.hpp"

namespace compose::agent {

using Form = recipe::AgentForm;

// Paths are those of the running host; what is below /etc is shipped below /usr/etc. Where a `runtime` is named, the
// item counts only under that one; where a `form`, only when the agent is layered so.
struct Directory {
  std::string path;  // below /etc, /var or /run
  std::uint32_t mode = 0755;
  std::string owner = "root";  // names; always root below /etc
  std::string group = "root";
  std::optional<Form> form = std::nullopt;
};

struct TemplateFile {
  std::string path;  // below /usr or /etc
  std::uint32_t mode = 0644;
  fs::path source;  // for messages
  std::string text;
  std::string runtime;
  std::optional<Form> form = std::nullopt;
};

struct Symlink {
  std::string path;
  std::string target;
  std::string runtime;
  std::optional<Form> form = std::nullopt;
};

// A path of the host that the container sees.
struct Bind {
  std::string source;
  std::string target;
  bool read_only = false;
  bool optional = false;  // left out where the host does not have it when the agent starts
  std::string runtime;
  std::string propagation;  // of mounts: "rslave", "rshared"; empty: none
};

// Something that the tree has to have already.
struct Requirement {
  enum class Kind { file, program, unit, any };
  Kind kind = Kind::file;
  std::vector<std::string> names;  // one path or unit; of `any` several paths, one of which is enough
  std::string reason;              // why the host needs it
  std::string fix;                 // what brings it
  std::string runtime;
  std::optional<Form> form = std::nullopt;
};

// A kernel setting that the agent's own files make.
struct Sysctl {
  std::string key;  // "net.ipv4.conf.all.route_localnet"
  std::string value;
  std::string reason;
};

// A TCP port of the host that the agent listens on.
struct Port {
  std::uint16_t number = 0;
  std::string meaning;
};

// What choosing an option, or not, changes.
struct Effect {
  std::vector<std::string> arguments;           // of the runtime's `run`
  std::map<std::string, std::string> settings;  // of the agent; user data may change them
};

// A choice that recipes have: [agent.options] NAME = true.
struct Option {
  std::string name;
  std::string summary;
  bool standard = false;  // unless the recipe says otherwise
  Effect on;
  Effect off;
  std::optional<Form> form = std::nullopt;
};

// The agent as an RPM: what of it the profile has to know.
struct Package {
  std::vector<std::string> install;   // names; a recipe may name another package instead of all of them
  std::string unit;                   // runs the agent
  std::vector<std::string> runtimes;  // those that it works with, best first; empty: it needs none
  std::string image;                  // NAME:TAG of an image that the package gives the runtime; empty: none
};

// What a boot test may expect of a host with this agent.
struct Promise {
  // The agent speaks ECS's protocol: it registers, runs tasks, and ecs-init's rules decide who reaches its ports.
  bool registers_with_ecs = false;
  std::string metadata_option;  // the option that keeps tasks from the instance's metadata; empty: none does
};

struct Profile {
  fs::path file;       // for messages
  std::string digest;  // of the file's text
  std::string name;
  std::string summary;

  std::string image;          // where from, unless the recipe says otherwise: a reference as in recipes
  std::string image_name;     // NAME:TAG in the host
  std::string image_archive;  // where the archive and the image's id go, below /usr
  std::string image_id_file;

  std::string container;                                                 // its name; empty: there is an RPM only
  std::string container_unit;                                            // runs it; empty: the profile does not say
  std::vector<std::string> runtimes;                                     // those it can run under, best first
  std::vector<std::string> arguments;                                    // of the runtime's `run`
  std::map<std::string, std::vector<std::string>> arguments_by_runtime;  // only under that one
  std::vector<std::string> command;                                      // after the image
  std::map<std::string, std::string> container_environment;              // --env, fixed
  std::vector<Bind> binds;

  std::optional<Package> package;  // absent: the agent cannot be layered as RPM

  std::string config_path;  // the file of KEY=VALUE lines that people and user data change; empty: it has none
  std::uint32_t config_mode = 0644;
  std::string cluster_key;  // empty: it joins no cluster
  std::string default_cluster;

  std::vector<Directory> directories;  // sorted by path, as are the following
  std::vector<TemplateFile> files;
  std::vector<Symlink> symlinks;
  std::vector<Requirement> requirements;  // in the profile's order, as are the following
  std::vector<Sysctl> sysctls;
  std::vector<Port> ports;
  std::vector<Option> options;  // sorted by name
  Promise promise;
};

// Reads FOLDER/agent.toml and the templates beside it. Throws Error(input) with every problem on a line of its own
// ("FILE:LINE:COLUMN: …"), among them templates that use a name render() does not know.
Profile load_profile(const fs::path& folder);

}  // namespace compose::agent
