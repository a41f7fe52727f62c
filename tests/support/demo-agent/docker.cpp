#include "docker.hpp"

#include <charconv>

#include "http.hpp"
#include "json.hpp"

namespace demo {
namespace {

std::string key(const PortMapping& port) { return std::to_string(port.container_port) + "/" + port.protocol; }

std::string host_config(const ContainerPlan& plan) {
  std::string bindings;
  for (const PortMapping& port : plan.ports) {
    const std::string host_port = port.host_port == 0 ? "" : std::to_string(port.host_port);
    bindings += (bindings.empty() ? "" : ",") + quoted(key(port)) + ":[{" + member("HostPort", host_port) + "}]";
  }
  std::string json = "{" + member("NetworkMode", "bridge") + ",\"PortBindings\":{" + bindings + "}";
  if (plan.memory_mib > 0) json += ",\"Memory\":" + std::to_string(plan.memory_mib << 20);
  if (plan.cpus > 0) json += ",\"NanoCpus\":" + std::to_string(static_cast<long long>(plan.cpus * 1e9));
  return json + "}";
}

int number(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// {"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8099"},…]}; null for a port that is not published.
std::vector<Binding> bindings_of(const Json& ports) {
  std::vector<Binding> bindings;
  for (const auto& [port, hosts] : ports.members()) {
    const auto slash = port.find('/');
    for (const Json& host : hosts.items()) {
      const std::string address = host["HostIp"].text();
      bindings.push_back({address.empty() ? "0.0.0.0" : address,
                          {number(port), number(host["HostPort"].text()), port.substr(slash + 1)}});
    }
  }
  return bindings;
}

}  // namespace

std::string to_json(const ContainerPlan& plan) {
  std::string exposed;
  for (const PortMapping& port : plan.ports) exposed += (exposed.empty() ? "" : ",") + quoted(key(port)) + ":{}";
  std::string json = "{" + member("Image", plan.image) + ",\"Env\":" + quoted(plan.environment);
  if (!plan.entry_point.empty()) json += ",\"Entrypoint\":" + quoted(plan.entry_point);
  if (!plan.command.empty()) json += ",\"Cmd\":" + quoted(plan.command);
  return json + ",\"ExposedPorts\":{" + exposed + "},\"HostConfig\":" + host_config(plan) + "}";
}

std::optional<std::string> Docker::create(const ContainerPlan& plan, std::string& problem) const {
  remove(plan.name);
  const auto body = ask("POST", "/containers/create?name=" + plan.name, to_json(plan), problem);
  const auto reply = body ? Json::parse(*body) : std::nullopt;
  if (!reply) return std::nullopt;
  return (*reply)["Id"].text();
}

bool Docker::start(const std::string& id, std::string& problem) const {
  return ask("POST", "/containers/" + id + "/start", "", problem).has_value();
}

std::optional<ContainerState> Docker::inspect(const std::string& id, std::string& problem) const {
  const auto body = ask("GET", "/containers/" + id + "/json", "", problem);
  const auto container = body ? Json::parse(*body) : std::nullopt;
  if (!container) return std::nullopt;
  const Json& state = (*container)["State"];
  return ContainerState{state["Running"].is_true(), static_cast<int>(state["ExitCode"].number()),
                        bindings_of((*container)["NetworkSettings"]["Ports"])};
}

void Docker::remove(const std::string& id) const {
  std::string ignored;
  ask("DELETE", "/containers/" + id + "?force=true", "", ignored);
}

std::optional<std::string> Docker::ask(const std::string& method, const std::string& path, const std::string& body,
                                       std::string& problem) const {
  Request request{method, path, "docker", {}, body};
  if (!body.empty()) request.headers = {"Content-Type: application/json"};
  const auto reply = send_unix(socket_, request, problem);
  if (!reply) return std::nullopt;
  if (reply->status < 300) return reply->body;
  problem = method + " " + path + ": status " + std::to_string(reply->status) + ": " + reply->body;
  return std::nullopt;
}

}  // namespace demo
