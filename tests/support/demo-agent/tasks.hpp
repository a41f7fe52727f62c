#pragma once
// Tasks: what the service asks for, run through Docker and reported as they go.

#include <string>
#include <vector>

#include "agent.hpp"
#include "docker.hpp"
#include "json.hpp"

namespace demo {

struct TaskContainer {
  std::string name;  // in the task
  bool essential = true;
  ContainerPlan plan;
};

struct TaskPlan {
  std::string arn;
  std::vector<TaskContainer> containers;
};

// From ACS's PayloadMessage: the tasks that are to run.
std::vector<TaskPlan> read_tasks(const Json& payload);

// Starts the containers, reports RUNNING with the host's ports, waits until an essential one has ended, removes them
// all and reports STOPPED with the exit codes. Returns then; for a thread of its own.
void run_task(const Settings& settings, const TaskPlan& task);

}  // namespace demo
