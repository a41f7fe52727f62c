#pragma once
// What would fail on a host, found while composing.

#include <string>
#include <vector>

namespace compose::agent {

struct Finding {
  std::string id;       // stable: scripts may look for it
  std::string path;     // the path, unit, port or setting it is about
  std::string problem;  // why it fails on the host
  std::string fix;      // what to write into the recipe, or what the base has to bring
};

// "WHAT: 2 problems", then each with id, path, problem and fix on lines of their own.
std::string explain(const std::string& what, const std::vector<Finding>& findings);

}  // namespace compose::agent
