#include "ecs.hpp"

#include "json.hpp"

namespace demo {
namespace {

#ifndef DEMO_AGENT_VERSION
#define DEMO_AGENT_VERSION "1.0"
#endif

std::string integer_resource(const std::string& name, long value) {
  return "{" + member("name", name) + "," + member("type", "INTEGER") + ",\"integerValue\":" + std::to_string(value) +
         "}";
}

std::string resources(const Registration& registration) {
  return "[" + integer_resource("CPU", registration.cpu_units) + "," +
         integer_resource("MEMORY", registration.memory_mib) +
         R"(,{"name":"PORTS","type":"STRINGSET","stringSetValue":["22","2375","2376","51678","51679"]})" +
         R"(,{"name":"PORTS_UDP","type":"STRINGSET","stringSetValue":[]}])";
}

std::string attributes(const Registration& registration) {
  std::string list;
  for (const std::string& name : attribute_names(registration))
    list += (list.empty() ? "{" : ",{") + member("name", name) + "}";
  return "[" + list + R"(,{"name":"ecs.os-type","value":"linux"},{"name":"ecs.cpu-architecture","value":"x86_64"}])";
}

}  // namespace

std::vector<std::string> attribute_names(const Registration& registration) {
  const std::string prefix = "com.amazonaws.ecs.capability.";
  return {prefix + "privileged-container", prefix + "docker-remote-api." + registration.docker_api_version,
          prefix + "logging-driver.json-file"};
}

std::string to_json(const Registration& registration) {
  std::string json =
      "{" + member("cluster", registration.cluster) + "," + member("clientToken", registration.client_token);
  if (!registration.known_instance.empty()) json += "," + member("containerInstanceArn", registration.known_instance);
  json += ",\"versionInfo\":{" + member("agentVersion", DEMO_AGENT_VERSION) + "," + member("agentHash", "demo") + "," +
          member("dockerVersion", "DockerVersion: " + registration.docker_version) + "}";
  return json + ",\"totalResources\":" + resources(registration) + ",\"attributes\":" + attributes(registration) + "}";
}

std::string agent_version() { return DEMO_AGENT_VERSION; }

}  // namespace demo
