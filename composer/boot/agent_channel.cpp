#include "boot/agent_channel.hpp"

#include <algorithm>
#include <chrono>
#include <map>

#include <fmt/format.h>
#include <boost/algorithm/string/replace.hpp>
#include <nlohmann/json.hpp>

#include "boot/guest_json.hpp"
#include "support/digest.hpp"

namespace compose::boot {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::chrono::seconds heartbeat_interval{20};
constexpr std::string_view arn_prefix = "arn:aws:ecs:us-east-1:000000000000:";

std::string framed(const char* type, const json& message) {
  // "replace": names that came in a URL may hold what is not UTF-8.
  return json{{"type", type}, {"message", message}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::string url_decoded(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto high = text[at] == '%' && at + 2 < text.size() ? hex_digit(text[at + 1]) : std::nullopt;
    const auto low = high ? hex_digit(text[at + 2]) : std::nullopt;
    if (low) {
      plain += static_cast<char>(*high * 16 + *low);
      at += 2;
    } else {
      plain += text[at] == '+' ? ' ' : text[at];
    }
  }
  return plain;
}

std::map<std::string, std::string> query_of(std::string_view target) {
  std::map<std::string, std::string> values;
  const auto question = target.find('?');
  if (question == std::string_view::npos) return values;
  target.remove_prefix(question + 1);
  while (!target.empty()) {
    const std::string_view pair = target.substr(0, target.find('&'));
    target.remove_prefix(std::min(target.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos)
      values[url_decoded(pair.substr(0, equals))] = url_decoded(pair.substr(equals + 1));
  }
  return values;
}

std::string cluster_arn(const std::string& cluster) {
  return cluster.starts_with("arn:") ? cluster : fmt::format("{}cluster/{}", arn_prefix, cluster);
}

std::string message_id(const Task& task) { return fmt::format("task-{}", task.number); }

json container_of(const Task& task, const std::string& arn) {
  json container{
      {"name", "boot-test"},
      {"containerArn", boost::algorithm::replace_first_copy(arn, ":task/", ":container/") + "/1"},
      {"image", task.image},
      {"essential", true},
      {"cpu", 0},
      {"memory", task.memory_mib},
      {"portMappings", {{{"containerPort", task.container_port}, {"hostPort", task.host_port}, {"protocol", "tcp"}}}},
      {"environment", json::object()},
      {"overrides", "{}"},
      {"dockerConfig",
       {{"config", "{}"}, {"hostConfig", R"({"NetworkMode":"bridge","CapAdd":[],"CapDrop":[]})"}, {"version", "1.18"}}},
  };
  if (!task.command.empty()) container["command"] = task.command;
  return container;
}

struct Message {
  std::string type;
  json content;
};

// What an agent sent; its telemetry comes with signed HTTP headers before it.
std::optional<Message> parse(const std::string& text) {
  const auto headers_end = text.starts_with('{') ? std::string::npos : text.find("\r\n\r\n");
  const json message =
      parse_guest_json(std::string_view(text).substr(headers_end == std::string::npos ? 0 : headers_end + 4));
  if (!message.is_object() || !message.contains("type") || !message["type"].is_string()) return std::nullopt;
  return Message{message["type"], message.value("message", json::object())};
}

// Heartbeats are due at once and then at intervals.
class Heart {
 public:
  bool is_due() {
    const auto now = steady_clock::now();
    if (beats_ > 0 && now < next_) return false;
    next_ = now + heartbeat_interval;
    ++beats_;
    return true;
  }
  std::string beat() const {
    return framed("HeartbeatMessage", {{"healthy", true}, {"messageId", fmt::format("heartbeat-{}", beats_)}});
  }

 private:
  unsigned beats_ = 0;
  steady_clock::time_point next_;
};

class AgentChannel : public Channel {
 public:
  explicit AgentChannel(MessageLog log) : log_(std::move(log)) {}

  std::vector<std::string> opened() override { return tick(); }

  std::vector<std::string> received(const std::string& text) override {
    const auto message = parse(text);
    log_(message ? message->type : "",
         message ? message->content.dump(-1, ' ', false, json::error_handler_t::replace) : text);
    return message ? reply(*message) : std::vector<std::string>();
  }

  std::vector<std::string> tick() override {
    if (!heart_.is_due()) return {};
    return {heart_.beat()};
  }

 protected:
  virtual std::vector<std::string> reply(const Message& message) = 0;

 private:
  MessageLog log_;
  Heart heart_;
};

class AcsChannel : public AgentChannel {
 public:
  AcsChannel(AgentIdentity agent, std::shared_ptr<TaskQueue> tasks, MessageLog log)
      : AgentChannel(std::move(log)), agent_(std::move(agent)), tasks_(std::move(tasks)) {}

  std::vector<std::string> tick() override {
    std::vector<std::string> messages = AgentChannel::tick();
    const auto task = tasks_->waiting();
    if (task && task->number != sent_) {
      sent_ = task->number;
      messages.push_back(payload_of(*task, agent_));
    }
    return messages;
  }

 protected:
  std::vector<std::string> reply(const Message& message) override {
    const auto id = message.content.is_object() ? message.content.find("messageId") : message.content.end();
    if (message.type == "AckRequest" && id != message.content.end() && id->is_string()) tasks_->acknowledge(*id);
    return {};
  }

 private:
  AgentIdentity agent_;
  std::shared_ptr<TaskQueue> tasks_;
  std::optional<unsigned> sent_;
};

class TcsChannel : public AgentChannel {
 public:
  using AgentChannel::AgentChannel;

 protected:
  std::vector<std::string> reply(const Message& message) override {
    static const std::map<std::string, const char*> acknowledgements{
        {"PublishMetricsRequest", "AckPublishMetric"},
        {"PublishHealthRequest", "AckPublishHealth"},
        {"PublishInstanceStatusRequest", "AckPublishInstanceStatus"},
    };
    const auto found = acknowledgements.find(message.type);
    if (found == acknowledgements.end()) return {};
    return {framed(found->second, {{"message", "OK"}})};
  }
};

}  // namespace

AgentIdentity agent_of(const std::string& target) {
  auto query = query_of(target);
  const auto first_of = [&](const char* one, const char* other) {
    return query.contains(one) ? query[one] : query[other];
  };
  return {first_of("clusterArn", "cluster"), first_of("containerInstanceArn", "containerInstance")};
}

std::string task_arn(const Task& task, const std::string& cluster) {
  const std::string name = cluster.substr(cluster.rfind('/') + 1);
  const std::string id = sha256_hex(fmt::format("task {} of {}", task.number, name)).substr(0, 32);
  return fmt::format("{}task/{}/{}", arn_prefix, name, id);
}

std::string payload_of(const Task& task, const AgentIdentity& agent) {
  const json content{{"arn", task_arn(task, agent.cluster)},
                     {"taskClusterArn", cluster_arn(agent.cluster)},
                     {"family", "boot-test"},
                     {"version", "1"},
                     {"desiredStatus", "RUNNING"},
                     {"overrides", "{}"},
                     {"networkMode", "bridge"},
                     {"launchType", "EC2"},
                     {"cpu", task.cpus},
                     {"memory", task.memory_mib},
                     {"containers", {container_of(task, task_arn(task, agent.cluster))}},
                     {"volumes", json::array()}};
  return framed("PayloadMessage", {{"messageId", message_id(task)},
                                   {"clusterArn", cluster_arn(agent.cluster)},
                                   {"containerInstanceArn", agent.instance},
                                   {"generatedAt", 1700000000000 + task.number},
                                   {"seqNum", task.number + 1},
                                   {"tasks", {content}}});
}

void TaskQueue::set(std::optional<Task> task) {
  const std::lock_guard guard(mutex_);
  task_ = std::move(task);
}

std::optional<Task> TaskQueue::waiting() const {
  const std::lock_guard guard(mutex_);
  return task_;
}

void TaskQueue::acknowledge(const std::string& id) {
  const std::lock_guard guard(mutex_);
  if (task_ && id == message_id(*task_)) task_.reset();
}

std::unique_ptr<Channel> make_acs_channel(AgentIdentity agent, std::shared_ptr<TaskQueue> tasks, MessageLog log) {
  return std::make_unique<AcsChannel>(std::move(agent), std::move(tasks), std::move(log));
}

std::unique_ptr<Channel> make_tcs_channel(MessageLog log) { return std::make_unique<TcsChannel>(std::move(log)); }

}  // namespace compose::boot
