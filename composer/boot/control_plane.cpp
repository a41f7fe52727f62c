#include "boot/control_plane.hpp"

#include <atomic>
#include <cmath>
#include <mutex>

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "support/file.hpp"

namespace compose::boot {
namespace {

using std::chrono::steady_clock;

// The guest is not trusted; what it sends is kept.
constexpr std::size_t most_requests = 10'000;
constexpr std::size_t most_bytes = 64U << 20U;

// All requests, in memory and in the log file.
class Journal {
 public:
  explicit Journal(const fs::path& log) : name_(log.string()), log_(open_file(log, O_WRONLY | O_CREAT | O_TRUNC)) {}

  void add(SeenRequest seen) {
    const std::lock_guard guard(mutex_);
    bytes_ += seen.request.path.size() + seen.request.body.size();
    if (seen_.size() >= most_requests || bytes_ > most_bytes) return;
    const std::chrono::duration<double> since = seen.at - started_;
    const nlohmann::json line{{"time_s", std::round(since.count() * 1000) / 1000},
                              {"method", seen.request.method},
                              {"path", seen.request.path},
                              {"operation", seen.request.operation},
                              {"status", seen.status},
                              {"body", seen.request.body}};
    if (seen.status == 200 && is_registration(seen.request)) ++registrations_;
    seen_.push_back(std::move(seen));
    write_all(log_.get(), line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", name_);
  }

  unsigned registrations() const {
    const std::lock_guard guard(mutex_);
    return registrations_;
  }

  std::vector<SeenRequest> all() const {
    const std::lock_guard guard(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  std::string name_;
  Fd log_;
  steady_clock::time_point started_ = steady_clock::now();
  std::vector<SeenRequest> seen_;
  std::size_t bytes_ = 0;
  unsigned registrations_ = 0;
};

}  // namespace

struct ControlPlane::State {
  State(const fs::path& log, std::string url) : journal(log), own_url(std::move(url)) {}

  HttpReply answer(const HttpRequest& http) {
    ApiRequest request{http.method, http.target, http.header("x-amz-target"), http.body};
    const auto at = steady_clock::now();
    const std::string url = own_url.empty() ? "http://" + http.header("host") : own_url;
    HttpReply reply = boot::answer(request, {url, journal.registrations(), out_of_time, finished});
    reply.headers["x-amzn-RequestId"] = "00000000-0000-0000-0000-000000000000";
    if (request.path != guest_path) journal.add({at, std::move(request), reply.status});
    return reply;
  }

  std::unique_ptr<Channel> open_channel(const HttpRequest& http) {
    const std::string path = http.target.substr(0, http.target.find('?'));
    if (path != acs_path && path != tcs_path) return nullptr;
    journal.add({steady_clock::now(), {http.method, http.target, "", ""}, 101});
    const auto log = [this, path](const std::string& type, const std::string& message) {
      journal.add({steady_clock::now(), {"WS", path, type, message}, 0});
    };
    return path == acs_path ? make_acs_channel(agent_of(http.target), tasks, log) : make_tcs_channel(log);
  }

  Journal journal;
  const std::string own_url;
  const std::shared_ptr<TaskQueue> tasks = std::make_shared<TaskQueue>();
  std::atomic<bool> out_of_time = false;
  std::atomic<bool> finished = true;
};

ControlPlane::ControlPlane(const fs::path& log, std::string own_url)
    : state_(std::make_unique<State>(log, std::move(own_url))) {
  start();
}

ControlPlane::~ControlPlane() = default;

HttpHandlers ControlPlane::handlers() const {
  State& state = *state_;
  return {[&state](const HttpRequest& request) { return state.answer(request); },
          [&state](const HttpRequest& request) { return state.open_channel(request); },
          [&state](unsigned status, const std::string& problem) {
            state.journal.add({steady_clock::now(), {"", "", "", problem}, status});
          }};
}

void ControlPlane::stop() { service_.reset(); }

void ControlPlane::start() {
  service_ = std::make_unique<HttpService>(handlers(), port_);
  port_ = service_->port();
}

std::uint16_t ControlPlane::port() const noexcept { return port_; }
void ControlPlane::set_out_of_time(bool out_of_time) noexcept { state_->out_of_time = out_of_time; }
void ControlPlane::set_finished(bool finished) noexcept { state_->finished = finished; }
void ControlPlane::push(std::optional<Task> task) { state_->tasks->set(std::move(task)); }
std::vector<SeenRequest> ControlPlane::requests() const { return state_->journal.all(); }

}  // namespace compose::boot
