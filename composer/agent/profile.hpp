#pragma once
// An agent's profile: a folder of agent-layer/ that says, as data, all that a tree needs for one cluster agent to run
// as a container. agent-layer/README.md is the reference of every key. Nothing about any agent is known here.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "support/path.hpp"

namespace compose::agent {

// Paths are those of the running host; what is below /etc is shipped below /usr/etc.
struct Directory {
  std::string path;  // below /etc, /var or /run
  std::uint32_t mode = 0755;
  std::string owner = "root";  // names; always root below /etc
  std::string group = "root";
};

struct TemplateFile {
  std::string path;  // below /usr or /etc
  std::uint32_t mode = 0644;
  fs::path source;  // for messages
  std::string text;
};

struct Symlink {
  std::string path;
  std::string target;
};

// Something that the tree has to have already.
struct Requirement {
  std::string path;
  std::string reason;
};

struct Profile {
  std::string name;
  std::string summary;

  std::string image;          // where from, unless the recipe says otherwise: a reference as in recipes
  std::string image_name;     // NAME:TAG in the host
  std::string image_archive;  // where the archive and the image's id go, below /usr
  std::string image_id_file;

  std::string container;                                     // its name
  std::string runtime;                                       // "docker"
  std::vector<std::string> arguments;                        // of the runtime's `run`
  std::map<std::string, std::string> container_environment;  // --env, fixed

  std::string config_path;  // the file of KEY=VALUE lines that people and user data change
  std::uint32_t config_mode = 0644;
  std::string cluster_key;
  std::string default_cluster;

  std::vector<Directory> directories;  // sorted by path, as are the following
  std::vector<TemplateFile> files;
  std::vector<Symlink> symlinks;
  std::vector<Requirement> requirements;
};

// Reads FOLDER/agent.toml and the templates beside it. Throws Error(input) with every problem on a line of its own
// ("FILE:LINE:COLUMN: …"), among them templates that use a name render() does not know.
Profile load_profile(const fs::path& folder);

}  // namespace compose::agent
