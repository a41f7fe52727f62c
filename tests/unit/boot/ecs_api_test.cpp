#include "boot/ecs_api.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace compose::boot;
using nlohmann::json;

namespace {

const ApiContext context{"http://10.0.2.100:8080", 3, false};

HttpReply call(const std::string& operation, const std::string& body) {
  return answer({"POST", "/", "AmazonEC2ContainerServiceV20141113." + operation, body}, context);
}

}  // namespace

TEST_CASE("a registration is answered with an active instance of the request's cluster") {
  const auto reply = call("RegisterContainerInstance", R"({"cluster":"blue"})");
  REQUIRE(reply.status == 200);
  CHECK(reply.content_type == "application/x-amz-json-1.1");
  const json instance = json::parse(reply.body).at("containerInstance");
  CHECK(instance.at("status") == "ACTIVE");
  CHECK(instance.at("agentConnected") == true);
  CHECK(instance.at("containerInstanceArn")
            .get<std::string>()
            .starts_with("arn:aws:ecs:us-east-1:000000000000:container-instance/blue/"));
}

TEST_CASE("a registration's reply echoes all attributes and resources") {
  const json attributes = {{{"name", "ecs.os-type"}, {"value", "linux"}}, {{"name", "com.amazonaws.ecs.capability.x"}}};
  const json resources = {{{"name", "CPU"}, {"type", "INTEGER"}, {"integerValue", 2048}}};
  const json request = {{"cluster", "c"}, {"attributes", attributes}, {"totalResources", resources}};
  const json instance = json::parse(call("RegisterContainerInstance", request.dump()).body).at("containerInstance");
  CHECK(instance.at("attributes") == attributes);
  CHECK(instance.at("registeredResources") == resources);
}

TEST_CASE("an agent that registers again keeps its instance") {
  const auto reply = call("RegisterContainerInstance", R"({"containerInstanceArn":"arn:x"})");
  CHECK(json::parse(reply.body)["containerInstance"]["containerInstanceArn"] == "arn:x");
}

TEST_CASE("the poll endpoints are paths of the control plane itself") {
  CHECK(json::parse(call("DiscoverPollEndpoint", "{}").body)["endpoint"] == context.own_url + "/acs");
}

TEST_CASE("every operation that the ECS agent calls is answered in its shape") {
  const auto reply_of = [](const char* operation, const char* body) {
    const auto reply = call(operation, body);
    INFO(operation << ": " << reply.body);
    CHECK(reply.status == 200);
    return json::parse(reply.body);
  };
  CHECK(reply_of("CreateCluster", R"({"clusterName":"blue"})")["cluster"]["clusterName"] == "blue");
  CHECK(reply_of("SubmitTaskStateChange", R"({"task":"t","status":"RUNNING"})").contains("acknowledgment"));
  CHECK(reply_of("SubmitContainerStateChange", "{}").contains("acknowledgment"));
  CHECK(reply_of("SubmitAttachmentStateChanges", "{}").contains("acknowledgment"));
  CHECK(reply_of("ListTagsForResource", R"({"resourceArn":"arn:x"})")["tags"] == json::array());
  const auto updated =
      reply_of("UpdateContainerInstancesState", R"({"containerInstances":["arn:x"],"status":"DRAINING"})");
  CHECK(updated["containerInstances"] == json::parse(R"([{"containerInstanceArn":"arn:x","status":"DRAINING"}])"));
  CHECK(reply_of("DeregisterContainerInstance", R"({"containerInstance":"arn:x"})")["containerInstance"]["status"] ==
        "INACTIVE");
  CHECK(json::parse(call("DiscoverPollEndpoint", "{}").body)["telemetryEndpoint"] == context.own_url + "/tcs");
}

TEST_CASE("bad calls of the API are JSON 1.1 errors") {
  const auto type_of = [](const HttpReply& reply) {
    CHECK(reply.status == 400);
    return json::parse(reply.body).at("__type").get<std::string>();
  };
  CHECK(type_of(call("RegisterContainerInstance", "{\"cluster\":")) == "SerializationException");
  CHECK(type_of(call("RegisterContainerInstance", "[1]")) == "SerializationException");
  CHECK(type_of(call("RegisterContainerInstance", R"({"cluster":7})")) == "SerializationException");
  CHECK(type_of(call("RegisterContainerInstance", R"({"attributes":{}})")) == "SerializationException");
  CHECK(type_of(call("DeleteCluster", "{}")) == "UnknownOperationException");
  CHECK(type_of(answer({"POST", "/", "", "{}"}, context)) == "UnknownOperationException");
  CHECK(type_of(answer({"POST", "/", "DynamoDB_20120810.ListTables", "{}"}, context)) == "UnknownOperationException");
}

TEST_CASE("a request that nests without end is refused, not echoed") {
  const std::string deep = std::string(400'000, '[') + std::string(400'000, ']');
  CHECK(call("RegisterContainerInstance", "{\"attributes\":" + deep + "}").status == 400);
}

TEST_CASE("a request that is not UTF-8 is answered all the same") {
  CHECK(call("RegisterContainerInstance", "{\"cluster\":\"\xff\"}").status == 400);
}

TEST_CASE("the probe page answers, all else is not found") {
  CHECK(answer({"POST", "/probe/1", "", ""}, context).status == 200);
  CHECK(answer({"GET", "/probe", "", ""}, context).status == 200);
  CHECK(answer({"DELETE", "/probe", "", ""}, context).status == 404);
  CHECK(answer({"GET", "/probes", "", ""}, context).status == 404);
  CHECK(answer({"GET", "/", "", ""}, context).status == 404);
}

TEST_CASE("the guest learns how often its agent registered and whether to wait") {
  CHECK(answer({"GET", "/guest", "", ""}, context).body == "3 wait go\n");
  CHECK(answer({"GET", "/guest", "", ""}, {"", 0, true, false}).body == "0 report stay\n");
}

TEST_CASE("an operation's name is taken from ECS's own targets only") {
  CHECK(operation_name("AmazonEC2ContainerServiceV20141113.DiscoverPollEndpoint") == "DiscoverPollEndpoint");
  CHECK(operation_name("RegisterContainerInstance").empty());
}
