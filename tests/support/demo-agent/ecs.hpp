#pragma once
// ECS's JSON 1.1 protocol, as much of it as registering takes. Text in, text out.

#include <string>
#include <vector>

namespace demo {

struct Registration {
  std::string cluster;
  std::string known_instance;  // the ARN of an earlier registration, or empty
  std::string client_token;
  std::string docker_version;
  std::string docker_api_version;
  long cpu_units = 0;
  long memory_mib = 0;
};

// What this agent can do: names of attributes, which the service has to repeat in its reply.
std::vector<std::string> attribute_names(const Registration& registration);

// The body of RegisterContainerInstance.
std::string to_json(const Registration& registration);

std::string agent_version();

}  // namespace demo
