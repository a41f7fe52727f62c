#include "boot/ecs_api.hpp"

#include <functional>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "boot/guest_json.hpp"
#include "support/digest.hpp"

namespace compose::boot {
namespace {

using nlohmann::json;

constexpr std::string_view service = "AmazonEC2ContainerServiceV20141113.";

struct ClientError {
  std::string type;
  std::string message;
};

HttpReply error_reply(const ClientError& error) {
  return {400, "application/x-amz-json-1.1", json{{"__type", error.type}, {"message", error.message}}.dump()};
}

// The member, or `fallback` when absent. A member of another type is what the real service calls a serialization error.
json member(const json& request, const char* name, const json& fallback) {
  const auto found = request.find(name);
  if (found == request.end() || found->is_null()) return fallback;
  if (found->type() != fallback.type()) {
    throw ClientError{"SerializationException",
                      fmt::format("{}: expected {}, found {}", name, fallback.type_name(), found->type_name())};
  }
  return *found;
}

std::string instance_arn(const json& request, const std::string& cluster) {
  const std::string known = member(request, "containerInstanceArn", "");  // an agent that has registered before
  if (!known.empty()) return known;
  const std::string id = sha256_hex("container instance of " + cluster).substr(0, 32);
  return fmt::format("arn:aws:ecs:us-east-1:000000000000:container-instance/{}/{}", cluster, id);
}

json register_container_instance(const json& request, const ApiContext&) {
  const std::string cluster = member(request, "cluster", "default");
  const json resources = member(request, "totalResources", json::array());
  return {{"containerInstance",
           {{"containerInstanceArn", instance_arn(request, cluster)},
            {"ec2InstanceId", "i-00000000000000000"},
            {"status", "ACTIVE"},
            {"agentConnected", true},
            {"version", 1},
            {"versionInfo", member(request, "versionInfo", json::object())},
            {"registeredResources", resources},
            {"remainingResources", resources},
            {"attributes", member(request, "attributes", json::array())},
            {"tags", member(request, "tags", json::array())},
            {"runningTasksCount", 0},
            {"pendingTasksCount", 0},
            {"registeredAt", 0}}}};
}

json discover_poll_endpoint(const json&, const ApiContext& context) {
  return {{"endpoint", context.own_url + "/acs"},  // the agent adds "/ws"
          {"telemetryEndpoint", context.own_url + "/tcs"},
          {"serviceConnectEndpoint", context.own_url + "/sc"}};
}

json acknowledge(const json&, const ApiContext&) { return {{"acknowledgment", "OK"}}; }

json create_cluster(const json& request, const ApiContext&) {
  const std::string name = member(request, "clusterName", "default");
  return {{"cluster",
           {{"clusterName", name},
            {"clusterArn", "arn:aws:ecs:us-east-1:000000000000:cluster/" + name},
            {"status", "ACTIVE"}}}};
}

json list_tags(const json&, const ApiContext&) { return {{"tags", json::array()}}; }

json update_instances_state(const json& request, const ApiContext&) {
  const json status = member(request, "status", "ACTIVE");
  json instances = json::array();
  for (const json& arn : member(request, "containerInstances", json::array())) {
    instances.push_back({{"containerInstanceArn", arn}, {"status", status}});
  }
  return {{"containerInstances", std::move(instances)}, {"failures", json::array()}};
}

json deregister_container_instance(const json& request, const ApiContext&) {
  const json arn = member(request, "containerInstance", "");
  return {{"containerInstance", {{"containerInstanceArn", arn}, {"status", "INACTIVE"}}}};
}

using Operation = std::function<json(const json& request, const ApiContext& context)>;

const std::map<std::string_view, Operation>& operations() {
  static const std::map<std::string_view, Operation> table{
      {"CreateCluster", create_cluster},
      {"DeregisterContainerInstance", deregister_container_instance},
      {"DiscoverPollEndpoint", discover_poll_endpoint},
      {"ListTagsForResource", list_tags},
      {"RegisterContainerInstance", register_container_instance},
      {"SubmitAttachmentStateChanges", acknowledge},
      {"SubmitContainerStateChange", acknowledge},
      {"SubmitTaskStateChange", acknowledge},
      {"UpdateContainerInstancesState", update_instances_state},
  };
  return table;
}

HttpReply answer_operation(const ApiRequest& request, const ApiContext& context) try {
  const auto operation = operations().find(operation_name(request.operation));
  if (operation == operations().end()) {
    return error_reply(
        {"UnknownOperationException", fmt::format("'{}' is no operation of this service", request.operation)});
  }
  const json body = parse_guest_json(request.body);
  if (!body.is_object()) return error_reply({"SerializationException", "the body is not a JSON object"});
  // "replace": the request may hold what is not UTF-8, which dump() would otherwise throw for.
  return {200, "application/x-amz-json-1.1",
          operation->second(body, context).dump(-1, ' ', false, json::error_handler_t::replace)};
} catch (const ClientError& error) {
  return error_reply(error);
}

}  // namespace

std::string_view operation_name(std::string_view amz_target) {
  if (amz_target.substr(0, service.size()) != service) return {};
  return amz_target.substr(service.size());
}

HttpReply answer(const ApiRequest& request, const ApiContext& context) {
  const bool get_or_post = request.method == "GET" || request.method == "POST";
  if (get_or_post && (request.path == "/probe" || request.path.starts_with("/probe/")))
    return {200, "text/plain", "ok\n"};
  if (request.path == guest_path) {
    return {200, "text/plain",
            fmt::format("{} {} {}\n", context.registrations, context.out_of_time ? "report" : "wait",
                        context.finished ? "go" : "stay")};
  }
  if (request.method == "POST" && request.path == "/") return answer_operation(request, context);
  return {404, "text/plain", "nothing is here\n"};
}

bool is_registration(const ApiRequest& request) {
  return operation_name(request.operation) == "RegisterContainerInstance";
}

}  // namespace compose::boot
