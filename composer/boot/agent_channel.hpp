#pragma once
// The control plane's end of the agent's two websockets (amazon-ecs-agent, ecs-agent/acs/model/api/api-2.json and
// ecs-agent/tcs/model/api/api-2.json): messages {"type":TYPE,"message":{…}}, heartbeats, and a task that the agent is
// to run.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "boot/boot_test.hpp"
#include "boot/http_service.hpp"

namespace compose::boot {

// Who is at the other end, from the websocket's URL.
struct AgentIdentity {
  std::string cluster;
  std::string instance;
};

// From "clusterArn" and "containerInstanceArn" (ACS) or "cluster" and "containerInstance" (TCS); empty where absent.
AgentIdentity agent_of(const std::string& target);

std::string task_arn(const Task& task, const std::string& cluster);

// The PayloadMessage that asks for the task to run.
std::string payload_of(const Task& task, const AgentIdentity& agent);

// The task to be run, until an agent acknowledged it. May be used from several threads.
class TaskQueue {
 public:
  void set(std::optional<Task> task);
  std::optional<Task> waiting() const;
  void acknowledge(const std::string& message_id);

 private:
  mutable std::mutex mutex_;
  std::optional<Task> task_;
};

// What an agent sent: its type, and the message as JSON text.
using MessageLog = std::function<void(const std::string& type, const std::string& message)>;

// Sends a heartbeat now and every 20 s (the agent leaves after a minute without a message), and the queue's task once a
// connection until it is acknowledged.
std::unique_ptr<Channel> make_acs_channel(AgentIdentity agent, std::shared_ptr<TaskQueue> tasks, MessageLog log);

// Heartbeats, and an acknowledgement for everything that is published.
std::unique_ptr<Channel> make_tcs_channel(MessageLog log);

}  // namespace compose::boot
