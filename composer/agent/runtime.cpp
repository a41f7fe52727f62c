#include "agent/runtime.hpp"

namespace compose::agent {

const std::vector<Runtime>& known_runtimes() {
  static const std::vector<Runtime> runtimes{
      {"docker",
       "/usr/bin/docker",
       "docker.socket",
       "docker.service",
       "/run/docker.sock",
       "docker0",
       {"/var/lib/docker", "/var/lib/containerd"},
       {"docker.service", "containerd.service"}},
      {"podman",
       "/usr/bin/podman",
       "podman.socket",
       "podman.service",
       "/run/podman/podman.sock",
       "podman0",
       {"/var/lib/containers"},
       {"podman.service", "podman-restart.service"}},
  };
  return runtimes;
}

std::optional<Runtime> find_runtime(std::string_view name) {
  for (const Runtime& runtime : known_runtimes()) {
    if (runtime.name == name) return runtime;
  }
  return std::nullopt;
}

}  // namespace compose::agent
