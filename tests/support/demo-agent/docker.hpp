#pragma once
// Containers, over the Docker API: what Docker and podman's compatible service both accept.

#include <optional>
#include <string>
#include <vector>

namespace demo {

struct PortMapping {
  int container_port = 0;
  int host_port = 0;  // 0: the daemon chooses
  std::string protocol = "tcp";
};

struct ContainerPlan {
  std::string name;
  std::string image;  // present already: nothing is pulled
  std::vector<std::string> entry_point;
  std::vector<std::string> command;
  std::vector<std::string> environment;  // NAME=VALUE
  std::vector<PortMapping> ports;
  double cpus = 0;  // limits; 0: none
  long memory_mib = 0;
};

struct Binding {
  std::string address;
  PortMapping mapping;
};

struct ContainerState {
  bool running = false;
  int exit_code = 0;
  std::vector<Binding> bindings;
};

class Docker {
 public:
  explicit Docker(std::string socket) : socket_(std::move(socket)) {}

  // Replaces a container of that name. Returns the container's id; nothing when refused, and `problem` says why.
  std::optional<std::string> create(const ContainerPlan& plan, std::string& problem) const;
  bool start(const std::string& id, std::string& problem) const;
  std::optional<ContainerState> inspect(const std::string& id, std::string& problem) const;
  void remove(const std::string& id) const;  // running or not

 private:
  std::optional<std::string> ask(const std::string& method, const std::string& path, const std::string& body,
                                 std::string& problem) const;
  std::string socket_;
};

// The body of the request that creates the container.
std::string to_json(const ContainerPlan& plan);

}  // namespace demo
