#pragma once
// The container runtimes that an agent may run under, and where each has what on a host. Both speak the Docker API on
// their socket (podman-system-service(1)).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace compose::agent {

struct Runtime {
  std::string name;         // as recipes and profiles write it
  std::string program;      // absolute path
  std::string socket_unit;  // what starts the API's service
  std::string service_unit;
  std::string socket;                 // of the API
  std::string bridge;                 // the interface that ordinary containers' traffic comes from
  std::vector<std::string> storage;   // the folders of images and containers
  std::vector<std::string> services;  // that work on them: they start after these folders are there
};

// All that are known, in the order in which a tree is searched for one.
const std::vector<Runtime>& known_runtimes();

std::optional<Runtime> find_runtime(std::string_view name);

}  // namespace compose::agent
