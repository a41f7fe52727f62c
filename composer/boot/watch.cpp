#include "boot/watch.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>

#include <fcntl.h>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/filesystem/operations.hpp>

#include "boot/judge.hpp"
#include "boot/serial_log.hpp"

namespace compose::boot {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds poll_interval{100};
constexpr std::chrono::seconds last_words{3};  // what a dying guest may still print
constexpr std::size_t log_limit_bytes = 16U << 20U;
constexpr std::size_t tail_lines = 40;

// How far a boot has come, by what has been seen of it.
enum class Phase { firmware, kernel, userspace, checks, done };

Phase phase_of(const BootTest& test, const BootTimes& times) {
  const bool registered = times.registered || (times.userspace && !test.expects_registration);
  if (times.finished && registered) return Phase::done;
  if (registered) return Phase::checks;
  if (times.userspace) return Phase::userspace;
  return times.kernel ? Phase::kernel : Phase::firmware;
}

const char* stage_name(Phase phase) {
  static constexpr std::array names{"firmware", "kernel", "userspace", "checks"};
  return names.at(static_cast<std::size_t>(phase));
}

const char* awaited(const BootTest& test, const BootTimes& times) {
  static constexpr std::array texts{"the kernel to start", "user space to start", "the agent to register",
                                    "the guest to describe itself"};
  return texts.at(static_cast<std::size_t>(phase_of(test, times)));
}

// The events' stages follow the phases.
class PhaseStages {
 public:
  explicit PhaseStages(Events& events) : events_(events) { enter(Phase::firmware); }

  void enter(Phase phase) {
    if (stage_ && phase == phase_) return;
    if (stage_) stage_->finish("");
    stage_.reset();
    phase_ = phase;
    if (phase != Phase::done) stage_.emplace(events_, stage_name(phase));
  }

  void fail() {
    if (stage_) stage_->finish("failed");
  }

 private:
  Events& events_;
  Phase phase_ = Phase::firmware;
  std::optional<Stage> stage_;
};

void set_once(std::optional<milliseconds>& time, milliseconds value) {
  if (!time) time = std::max(value, milliseconds(0));
}

std::optional<std::string> failed_checks(const std::vector<Check>& checks) {
  std::vector<std::string> names;
  for (const Check& check : checks) {
    if (!check.passed) names.push_back(check.name);
  }
  if (names.empty()) return std::nullopt;
  return fmt::format("{} of {} checks failed: {}", names.size(), checks.size(), boost::algorithm::join(names, ", "));
}

}  // namespace

void Follower::poll() {
  boost::system::error_code missing;
  const auto size = fs::file_size(path_, missing);
  if (missing || size <= text_.size() || text_.size() >= log_limit_bytes) return;
  const Fd file = open_file(path_, O_RDONLY);
  std::string fresh(std::min<std::size_t>(size, log_limit_bytes) - text_.size(), '\0');
  const ssize_t count = ::pread(file.get(), fresh.data(), fresh.size(), static_cast<off_t>(text_.size()));
  if (count > 0) text_.append(fresh, 0, static_cast<std::size_t>(count));
}

milliseconds starved_for(pid_t process) {
  std::uint64_t most_ns = 0;
  boost::system::error_code ended;
  const fs::path tasks = fmt::format("/proc/{}/task", process);
  for (fs::directory_iterator task(tasks, ended), end; !ended && task != end; task.increment(ended)) {
    std::ifstream schedstat((task->path() / "schedstat").string());
    std::uint64_t ran_ns = 0;
    std::uint64_t waited_ns = 0;
    if (schedstat >> ran_ns >> waited_ns) most_ns = std::max(most_ns, waited_ns);
  }
  return duration_cast<milliseconds>(std::chrono::nanoseconds(most_ns));
}

unsigned boots_of(const BootTest& test) {
  if (test.upgrade) return 3;
  return test.second_deployment ? 2 : 1;
}

std::chrono::seconds patience_of(const BootTest& test) { return test.timeout * 2 / 3; }

Watch::Watch(const BootTest& test, Child& qemu, ControlPlane& control_plane, const OutsidePorts& ports, Events& events)
    : test_(test),
      qemu_(qemu),
      control_plane_(control_plane),
      events_(events),
      outside_(test, control_plane, ports),
      serial_(test.log_directory / serial_log_name),
      guest_(test.log_directory / guest_log_name) {}

void Watch::run(BootReport& report) {
  std::optional<std::string> failure;
  const unsigned boots = boots_of(test_);
  for (number_ = 1; number_ <= boots && !failure; ++number_) {
    started_ = steady_clock::now();
    starved_at_start_ = starved_for(qemu_.pid());
    control_plane_.set_out_of_time(false);
    outside_.begin(number_);
    console_start_ = serial_.text().size();
    described_ = {};
    symptom_at_.reset();
    BootRun& run = report.boots.emplace_back();
    failure = wait_for_boot(run);
    if (described_.complete) run.checks = judge(test_, described_, requests(), outside_.findings());
    // What one check found explains more than that the boot as a whole took too long.
    if (const auto failed = failed_checks(run.checks)) failure = failed;
    if (failure && number_ > 1) *failure += fmt::format(" (in boot {} of {})", number_, boots);
  }
  report.passed = !failure;
  if (report.passed) return;
  report.failure = *failure;
  report.guest_diagnosis = described_.log;
  report.serial_tail = last_lines(plain_text(serial_.text()), tail_lines);
}

std::optional<std::string> Watch::wait_for_boot(BootRun& run) {
  PhaseStages stages(events_);
  for (;;) {
    look(run);
    stages.enter(phase_of(test_, run.times));
    if (phase_of(test_, run.times) == Phase::done) return std::nullopt;
    if (auto reason = reason_to_stop(run)) {
      stages.fail();
      return reason;
    }
    std::this_thread::sleep_for(poll_interval);
  }
}

void Watch::look(BootRun& run) {
  serial_.poll();
  guest_.poll();
  const auto kernel = since_kernel(console());
  if (kernel) set_once(run.times.kernel, since_start());
  if (kernel && userspace_started(*kernel)) set_once(run.times.userspace, since_start());
  const auto seen = requests();
  if (const auto registration = find_registration(seen)) {
    set_once(run.times.registered, duration_cast<milliseconds>(registration->at - started_));
    run.registration = registration->request.body;
  }
  outside_.advance(seen);
  note_times(run.times, seen);
  for (GuestBoot& boot : parse_guest_report(guest_.text())) {
    if (boot.number != number_) continue;
    // A quiet kernel prints nothing, but the guest knows for how long it has been up.
    set_once(run.times.kernel, since_start() - boot.uptime_at_begin);
    if (!run.times.registered) set_once(run.times.userspace, since_start());
    if (boot.complete) set_once(run.times.finished, since_start());
    described_ = std::move(boot);
  }
}

void Watch::note_times(BootTimes& times, const std::vector<SeenRequest>& seen) const {
  const auto note = [&](std::optional<milliseconds>& time, const std::optional<SeenRequest>& found) {
    if (found) set_once(time, duration_cast<milliseconds>(found->at - started_));
  };
  if (test_.task) {
    note(times.task_running, find_task_report(seen, number_, "RUNNING"));
    note(times.task_stopped, find_task_report(seen, number_, "STOPPED"));
  }
  if (const auto restarted = outside_.findings().restarted) note(times.reconnected, find_connection(seen, *restarted));
}

std::optional<std::string> Watch::reason_to_stop(const BootRun& run) {
  if (const auto verdict = console_verdict()) return verdict;
  if (const auto code = qemu_.exit_code()) {
    const fs::path log = test_.log_directory / qemu_log_name;
    const std::string words = last_lines(plain_text(read_file(log)), 5);
    // On SIGTERM QEMU ends with 0, and says so.
    const bool by_guest = *code == 0 && words.find("terminating on signal") == std::string::npos;
    return by_guest ? fmt::format("the guest shut down or rebooted while waiting for {}", awaited(test_, run.times))
                    : fmt::format("QEMU ended with exit code {}: {}", *code, words);
  }
  const milliseconds counted = counted_time();
  if (counted >= patience_of(test_)) control_plane_.set_out_of_time(true);
  if (counted < test_.timeout) return std::nullopt;
  const auto starved = duration_cast<std::chrono::seconds>(since_start() - counted);
  return fmt::format(
      "timeout after {} s{} while waiting for {}", test_.timeout.count(),
      starved.count() == 0 ? "" : fmt::format(" (and {} s in which this machine was busy)", starved.count()),
      awaited(test_, run.times));
}

std::optional<std::string> Watch::console_verdict() {
  auto verdict = diagnose_console(console());
  if (!verdict) return std::nullopt;
  if (!symptom_at_) symptom_at_ = steady_clock::now();
  return steady_clock::now() - *symptom_at_ < last_words ? std::nullopt : verdict;
}

milliseconds Watch::since_start() const { return duration_cast<milliseconds>(steady_clock::now() - started_); }

milliseconds Watch::counted_time() const { return since_start() - (starved_for(qemu_.pid()) - starved_at_start_); }

std::string_view Watch::console() const { return std::string_view(serial_.text()).substr(console_start_); }

std::vector<SeenRequest> Watch::requests() const {
  std::vector<SeenRequest> requests = control_plane_.requests();
  std::erase_if(requests, [&](const SeenRequest& seen) { return seen.at < started_; });
  return requests;
}

}  // namespace compose::boot
