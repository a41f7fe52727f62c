#include "tasks.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace demo {
namespace {

using namespace std::chrono_literals;

struct Running {
  const TaskContainer* container = nullptr;
  std::string id;
  ContainerState state;
};

TaskContainer read_container(const Json& task, const Json& container) {
  TaskContainer result{container["name"].text(), container["essential"].is_true(), {}};
  ContainerPlan& plan = result.plan;
  const std::string arn = task["arn"].text();
  plan.name = "ecs-" + task["family"].text() + "-" + task["version"].text() + "-" + result.name + "-" +
              arn.substr(arn.rfind('/') + 1);
  plan.image = container["image"].text();
  plan.entry_point = container["entryPoint"].texts();
  plan.command = container["command"].texts();
  for (const auto& [name, value] : container["environment"].members()) {
    plan.environment.push_back(name + "=" + value.text());
  }
  for (const Json& port : container["portMappings"].items()) {
    plan.ports.push_back({static_cast<int>(port["containerPort"].number()), static_cast<int>(port["hostPort"].number()),
                          port["protocol"].text()});
  }
  plan.cpus = task["cpu"].number();
  plan.memory_mib = static_cast<long>(container["memory"].number());
  return result;
}

std::string bindings_json(const ContainerState& state) {
  std::string list;
  for (const Binding& binding : state.bindings) {
    list += (list.empty() ? "{" : ",{") + member("bindIP", binding.address) +
            ",\"containerPort\":" + std::to_string(binding.mapping.container_port) +
            ",\"hostPort\":" + std::to_string(binding.mapping.host_port) + "," +
            member("protocol", binding.mapping.protocol) + "}";
  }
  return "[" + list + "]";
}

std::string containers_json(const std::vector<Running>& containers, const std::string& status) {
  std::string list;
  for (const Running& running : containers) {
    list += (list.empty() ? "{" : ",{") + member("containerName", running.container->name) + "," +
            member("status", status) + "," + member("runtimeId", running.id);
    if (status == "RUNNING") list += ",\"networkBindings\":" + bindings_json(running.state);
    if (status == "STOPPED") list += ",\"exitCode\":" + std::to_string(running.state.exit_code);
    list += "}";
  }
  return "[" + list + "]";
}

void report(const Settings& settings, const TaskPlan& task, const std::string& status,
            const std::vector<Running>& containers, const std::string& reason = {}) {
  say(settings, "task " + task.arn + " is " + status + (reason.empty() ? "" : ": " + reason));
  std::string body = "{" + member("cluster", settings.cluster) + "," + member("task", task.arn) + "," +
                     member("status", status) + ",\"containers\":" + containers_json(containers, status);
  if (!reason.empty()) body += "," + member("reason", reason);
  call_until_answered(settings, "SubmitTaskStateChange", body + "}", "cannot report a task yet");
}

std::string start_containers(const Docker& docker, const TaskPlan& task, std::vector<Running>& containers) {
  std::string problem;
  for (const TaskContainer& container : task.containers) {
    const auto id = docker.create(container.plan, problem);
    if (!id) return "CannotCreateContainerError: " + problem;
    Running& running = containers.emplace_back(Running{&container, *id, {}});
    if (!docker.start(*id, problem)) return "CannotStartContainerError: " + problem;
    const auto state = docker.inspect(*id, problem);
    if (!state) return "CannotInspectContainerError: " + problem;
    running.state = *state;
  }
  return {};
}

void wait_for_end(const Docker& docker, std::vector<Running>& containers) {
  for (bool ended = false; !ended; std::this_thread::sleep_for(500ms)) {
    for (Running& running : containers) {
      std::string problem;
      if (const auto state = docker.inspect(running.id, problem)) running.state = *state;
      ended = ended || (running.container->essential && !running.state.running);
    }
  }
}

}  // namespace

std::vector<TaskPlan> read_tasks(const Json& payload) {
  std::vector<TaskPlan> tasks;
  for (const Json& task : payload["tasks"].items()) {
    if (task["desiredStatus"].text() != "RUNNING" || task["containers"].items().empty()) continue;
    TaskPlan& plan = tasks.emplace_back(TaskPlan{task["arn"].text(), {}});
    for (const Json& container : task["containers"].items()) {
      plan.containers.push_back(read_container(task, container));
    }
  }
  return tasks;
}

void run_task(const Settings& settings, const TaskPlan& task) {
  const Docker docker(settings.docker_socket);
  std::vector<Running> containers;
  const std::string problem = start_containers(docker, task, containers);
  if (problem.empty()) {
    report(settings, task, "RUNNING", containers);
    wait_for_end(docker, containers);
  }
  for (const Running& running : containers) docker.remove(running.id);
  report(settings, task, "STOPPED", containers, problem.empty() ? "Essential container in task exited" : problem);
}

}  // namespace demo
