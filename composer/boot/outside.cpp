#include "boot/outside.hpp"

#include <algorithm>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "boot/guest_json.hpp"
#include "boot/judge.hpp"
#include "support/handle.hpp"

namespace compose::boot {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A guest under translation answers within a second.
constexpr milliseconds answer_limit{8000};
constexpr milliseconds down_time{3000};

// A member of a JSON object, as text; empty where there is none.
std::string text_of(const nlohmann::json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_string() ? object[name].get<std::string>() : "";
}

bool was_probed(const std::vector<SeenRequest>& requests, unsigned boot) {
  const std::string path = fmt::format("/probe/{}", boot);
  return std::any_of(requests.begin(), requests.end(),
                     [&](const SeenRequest& seen) { return seen.request.path == path; });
}

}  // namespace

void Outside::begin(unsigned boot) {
  boot_ = boot;
  findings_ = {};
  step_ = Step::registration;
  const bool restarts = test_.restart_control_plane && boot == 1;
  control_plane_.set_finished(!test_.task && !test_.network_rules && !restarts);
}

void Outside::advance(const std::vector<SeenRequest>& requests) {
  for (Step before = Step::done; step_ != before && step_ != Step::done;) {
    before = step_;
    step_ = next(requests);
  }
  if (step_ == Step::done) control_plane_.set_finished(true);
}

Outside::Step Outside::next(const std::vector<SeenRequest>& requests) {
  switch (step_) {
    case Step::registration:
      if (test_.expects_registration && !find_registration(requests)) return step_;
      if (test_.task) {
        Task task = *test_.task;
        task.number = boot_;
        control_plane_.push(task);
      }
      return Step::task;
    case Step::task:
      return run_task(requests);
    case Step::ports:
      return try_ports();
    case Step::restart:
    case Step::down:
      return restart(requests);
    case Step::reconnection:
      return find_connection(requests, *findings_.restarted) ? Step::done : step_;
    case Step::done:
      break;
  }
  return Step::done;
}

Outside::Step Outside::run_task(const std::vector<SeenRequest>& requests) {
  if (!test_.task) return Step::ports;
  const bool running = find_task_report(requests, boot_, "RUNNING").has_value();
  const bool stopped = find_task_report(requests, boot_, "STOPPED").has_value();
  if (running && !stopped && !findings_.task_answered.value_or(false)) {
    findings_.task_answered = port_answers(ports_.task, "/", answer_limit);
  }
  return stopped ? Step::ports : Step::task;
}

Outside::Step Outside::try_ports() {
  if (test_.network_rules) {
    findings_.introspection_answered = port_answers(ports_.introspection, "/v1/metadata", answer_limit);
    findings_.credentials_answered = port_answers(ports_.credentials, "/v2/credentials/x", answer_limit);
  }
  return Step::restart;
}

Outside::Step Outside::restart(const std::vector<SeenRequest>& requests) {
  if (!test_.restart_control_plane || boot_ != 1) return Step::done;
  if (step_ == Step::restart) {
    // An ordinary container looks for the control plane once: not in the time without it.
    if (!test_.image.empty() && !was_probed(requests, boot_)) return step_;
    control_plane_.stop();
    stopped_ = steady_clock::now();
    return Step::down;
  }
  if (steady_clock::now() - stopped_ < down_time) return step_;
  control_plane_.start();
  findings_.restarted = steady_clock::now();
  return Step::reconnection;
}

std::optional<SeenRequest> find_task_report(const std::vector<SeenRequest>& requests, unsigned number,
                                            const std::string& status) {
  Task task;
  task.number = number;
  const auto found = std::find_if(requests.rbegin(), requests.rend(), [&](const SeenRequest& seen) {
    if (operation_name(seen.request.operation) != "SubmitTaskStateChange" || seen.status != 200) return false;
    const auto body = parse_guest_json(seen.request.body);
    return text_of(body, "status") == status && text_of(body, "task") == task_arn(task, text_of(body, "cluster"));
  });
  if (found == requests.rend()) return std::nullopt;
  return *found;
}

std::optional<SeenRequest> find_connection(const std::vector<SeenRequest>& requests, steady_clock::time_point since) {
  const auto found = std::find_if(requests.begin(), requests.end(), [&](const SeenRequest& seen) {
    return seen.at >= since && seen.status == 101 && seen.request.path.starts_with(acs_path);
  });
  if (found == requests.end()) return std::nullopt;
  return *found;
}

bool port_answers(std::uint16_t port, const std::string& path, milliseconds limit) {
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  const std::string request = fmt::format("GET {} HTTP/1.0\r\nHost: boot-test\r\n\r\n", path);
  if (::send(client.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
  pollfd waiting{client.get(), POLLIN, 0};
  char byte = 0;
  return ::poll(&waiting, 1, static_cast<int>(limit.count())) == 1 && ::recv(client.get(), &byte, 1, 0) == 1;
}

}  // namespace compose::boot
