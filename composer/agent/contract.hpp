#pragma once
// What an agent's profile asks of the host, against the tree that the host will have: what would fail there is found
// while composing. Knows rules, no agent.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/profile.hpp"
#include "agent/render.hpp"

namespace compose::agent {

struct Finding {
  std::string id;       // a stable word: "bind-source"
  std::string path;     // the path, unit, port or setting it is about
  std::string problem;  // why it fails on the host
  std::string fix;      // what to write into the recipe, or what the base has to bring
};

// What there is at a path of a tree. Links are not followed.
struct TreeEntry {
  enum class Kind { absent, file, symlink, directory };
  Kind kind = Kind::absent;
  std::uint32_t mode = 0;  // permission bits
  std::string target;      // of a symbolic link
};

// A finished tree, however it is stored. Paths are those of the tree ("/usr/etc/…").
class TreeReader {
 public:
  virtual ~TreeReader() = default;
  virtual TreeEntry look(const std::string& path) const = 0;
  virtual std::vector<std::string> names_in(const std::string& directory) const = 0;  // sorted; empty when it is none
  virtual std::string read(const std::string& path) const = 0;                        // of a file
};

// An agent as a recipe wants it.
struct Chosen {
  Profile profile;
  Settings settings;
};

// What can be seen without a tree: agents that get in each other's way, and choices that cannot work.
std::vector<Finding> check_choices(const std::vector<Chosen>& agents);

// What the tree lacks for one agent, or would do against it.
std::vector<Finding> check_contract(const Chosen& agent, const TreeReader& tree);

}  // namespace compose::agent
