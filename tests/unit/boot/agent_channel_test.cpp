#include "boot/agent_channel.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace compose::boot;
using nlohmann::json;

namespace {

const AgentIdentity agent{"blue", "arn:aws:ecs:us-east-1:000000000000:container-instance/blue/1"};

// What an agent sent, as the log gets it.
struct Logged {
  std::vector<std::pair<std::string, std::string>> messages;
  MessageLog log() {
    return [this](const std::string& type, const std::string& message) { messages.emplace_back(type, message); };
  }
};

std::vector<std::string> types(const std::vector<std::string>& messages) {
  std::vector<std::string> found;
  for (const std::string& message : messages) found.push_back(json::parse(message).at("type"));
  return found;
}

Task task_of_image(const std::string& image) {
  Task task;
  task.image = image;
  return task;
}

}  // namespace

TEST_CASE("who connects is read from either websocket's query") {
  const auto acs = agent_of("/acs/ws?agentHash=x&clusterArn=blue&containerInstanceArn=arn%3Aaws%3Ai%2F1&seqNum=1");
  CHECK(acs.cluster == "blue");
  CHECK(acs.instance == "arn:aws:i/1");
  const auto tcs = agent_of("/tcs/ws?cluster=red+one&containerInstance=i%2");
  CHECK(tcs.cluster == "red one");
  CHECK(tcs.instance == "i%2");
  CHECK(agent_of("/acs/ws").cluster.empty());
}

TEST_CASE("a task's payload has the fields of ACS's model") {
  Task task = task_of_image("amazon/amazon-ecs-agent:latest");
  task.command = {"serve", "80", "20"};
  const json message = json::parse(payload_of(task, agent));
  CHECK(message.at("type") == "PayloadMessage");
  const json& payload = message.at("message");
  for (const char* member : {"messageId", "clusterArn", "containerInstanceArn"}) {
    CHECK_FALSE(payload.at(member).get<std::string>().empty());
  }
  CHECK(payload.at("seqNum").is_number_integer());
  REQUIRE(payload.at("tasks").size() == 1);
  const json& first = payload["tasks"][0];
  CHECK(first.at("arn") == task_arn(task, "blue"));
  CHECK(first.at("arn").get<std::string>().starts_with("arn:aws:ecs:us-east-1:000000000000:task/blue/"));
  CHECK(first.at("desiredStatus") == "RUNNING");
  CHECK(first.at("cpu") == 0.25);
  CHECK(first.at("memory") == 128);
  REQUIRE(first.at("containers").size() == 1);
  const json& container = first["containers"][0];
  CHECK(container.at("image") == task.image);
  CHECK(container.at("command") == task.command);
  CHECK(container.at("essential") == true);
  CHECK(container.at("portMappings") == json::parse(R"([{"containerPort":80,"hostPort":8099,"protocol":"tcp"}])"));
  CHECK(json::parse(container.at("dockerConfig").at("hostConfig").get<std::string>()).at("NetworkMode") == "bridge");
}

TEST_CASE("each task of a run has a name of its own, the same each time") {
  Task one;
  Task two;
  two.number = 2;
  CHECK(task_arn(one, "blue") != task_arn(two, "blue"));
  CHECK(task_arn(one, "blue") != task_arn(one, "red"));
  CHECK(task_arn(one, "blue") == task_arn(one, "arn:aws:ecs:us-east-1:000000000000:cluster/blue"));
}

TEST_CASE("an agent that connects gets a heartbeat and the task, and the task again until it is acknowledged") {
  const auto tasks = std::make_shared<TaskQueue>();
  tasks->set(task_of_image("i"));
  Logged logged;
  const auto first = make_acs_channel(agent, tasks, logged.log());
  CHECK(types(first->opened()) == std::vector<std::string>{"HeartbeatMessage", "PayloadMessage"});
  CHECK(first->tick().empty());
  const auto second = make_acs_channel(agent, tasks, logged.log());
  const auto messages = second->opened();
  CHECK(types(messages) == std::vector<std::string>{"HeartbeatMessage", "PayloadMessage"});
  const json id = json::parse(messages[1])["message"]["messageId"];
  CHECK(second->received(json{{"type", "AckRequest"}, {"message", {{"messageId", "other"}}}}.dump()).empty());
  CHECK(tasks->waiting());
  CHECK(second->received(json{{"type", "AckRequest"}, {"message", {{"messageId", id}}}}.dump()).empty());
  CHECK_FALSE(tasks->waiting());
  CHECK(types(make_acs_channel(agent, tasks, logged.log())->opened()) == std::vector<std::string>{"HeartbeatMessage"});
  REQUIRE(logged.messages.size() == 2);
  CHECK(logged.messages[1].first == "AckRequest");
}

TEST_CASE("a task that comes up later goes to the agent that is connected") {
  const auto tasks = std::make_shared<TaskQueue>();
  const auto channel = make_acs_channel(agent, tasks, Logged().log());
  CHECK(types(channel->opened()) == std::vector<std::string>{"HeartbeatMessage"});
  tasks->set(task_of_image("i"));
  CHECK(types(channel->tick()) == std::vector<std::string>{"PayloadMessage"});
}

TEST_CASE("telemetry is acknowledged, with the signed headers before it or without") {
  Logged logged;
  const auto channel = make_tcs_channel(logged.log());
  CHECK(types(channel->opened()) == std::vector<std::string>{"HeartbeatMessage"});
  const std::string metrics = R"({"type":"PublishMetricsRequest","message":{"metadata":{"idle":true}}})";
  CHECK(types(channel->received("Authorization: AWS4-HMAC-SHA256 x\r\nHost: h\r\n\r\n" + metrics)) ==
        std::vector<std::string>{"AckPublishMetric"});
  CHECK(types(channel->received(metrics)) == std::vector<std::string>{"AckPublishMetric"});
  CHECK(types(channel->received(R"({"type":"PublishHealthRequest","message":{}})")) ==
        std::vector<std::string>{"AckPublishHealth"});
  CHECK(types(channel->received(R"({"type":"PublishInstanceStatusRequest","message":{}})")) ==
        std::vector<std::string>{"AckPublishInstanceStatus"});
  CHECK(channel->received(R"({"type":"StartTelemetrySessionRequest","message":{}})").empty());
  CHECK(logged.messages.front() ==
        std::pair<std::string, std::string>("PublishMetricsRequest", R"({"metadata":{"idle":true}})"));
}

TEST_CASE("messages of any other shape are logged and not answered") {
  Logged logged;
  const auto tasks = std::make_shared<TaskQueue>();
  tasks->set(task_of_image("i"));
  const auto acs = make_acs_channel(agent, tasks, logged.log());
  const auto tcs = make_tcs_channel(logged.log());
  for (const char* text : {"", "{", "[1]", "null", "{\"type\":7}", "{\"type\":\"AckRequest\"}", "\xff\xfe",
                           "{\"type\":\"AckRequest\",\"message\":7}", "a\r\n\r\n",
                           "{\"type\":\"AckRequest\",\"message\":{\"messageId\":[]}}"}) {
    CHECK(acs->received(text).empty());
    CHECK(tcs->received(text).empty());
  }
  CHECK(logged.messages.size() == 20);
  CHECK(tasks->waiting());
}
