#include "support/events.hpp"

#include <exception>
#include <map>
#include <mutex>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/size_text.hpp"

namespace compose {
namespace {

using std::chrono::milliseconds;

void write_line(int fd, const std::string& text) noexcept {
  const char* next = text.data();
  std::size_t left = text.size();
  while (left > 0) {
    const ssize_t count = ::write(fd, next, left);
    if (count <= 0) return;  // nobody listens any more: progress is never worth failing for
    next += count;
    left -= static_cast<std::size_t>(count);
  }
}

std::string human_amount(std::uint64_t amount, std::string_view unit) {
  return unit == "bytes" ? size_text(amount) : fmt::format("{} {}", amount, unit);
}

class NullEvents final : public Events {
 public:
  void stage_started(std::string_view, std::string_view) override {}
  void stage_finished(std::string_view, std::string_view, milliseconds) override {}
  void progress(std::string_view, std::uint64_t, std::uint64_t, std::string_view) override {}
  void note(std::string_view) override {}
};

class TextEvents final : public Events {
 public:
  explicit TextEvents(int fd) : fd_(fd), live_(::isatty(fd) == 1) {}

  void stage_started(std::string_view stage, std::string_view detail) override {
    if (!live_) return;
    const std::lock_guard guard(mutex_);
    live_line(fmt::format("  {:<10} {}", stage, detail));
  }

  void stage_finished(std::string_view stage, std::string_view outcome, milliseconds elapsed) override {
    forget(stage);
    permanent_line(fmt::format("  {:<10} {:>7.2f} s  {}", stage, static_cast<double>(elapsed.count()) / 1000, outcome));
  }

  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total, std::string_view unit) override {
    if (!live_) return;
    const std::lock_guard guard(mutex_);
    const auto now = Clock::now();
    const Running& running = running_.try_emplace(std::string(stage), Running{now, done}).first->second;
    if (now - last_live_ < milliseconds(100)) return;
    last_live_ = now;
    const std::string amount = human_amount(done, unit) + (total == 0 ? "" : " of " + human_amount(total, unit));
    live_line(fmt::format("  {:<10} {}{}", stage, amount, pace(running, now, done, total, unit)));
  }

  void note(std::string_view text) override { permanent_line(fmt::format("  note: {}", text)); }

 private:
  using Clock = std::chrono::steady_clock;

  // Where a stage's progress was when it was first told.
  struct Running {
    Clock::time_point since;
    std::uint64_t done;
  };

  // ", 87.5 MiB/s, 12 s left", once there is something to reckon from.
  static std::string pace(const Running& running, Clock::time_point now, std::uint64_t done, std::uint64_t total,
                          std::string_view unit) {
    const double seconds = std::chrono::duration<double>(now - running.since).count();
    if (unit != "bytes" || done <= running.done || seconds < 1) return {};
    const double rate = static_cast<double>(done - running.done) / seconds;
    const std::string text = fmt::format(", {}/s", size_text(static_cast<std::uint64_t>(rate)));
    if (total <= done) return text;
    return text + fmt::format(", {:.0f} s left", static_cast<double>(total - done) / rate);
  }

  void forget(std::string_view stage) {
    const std::lock_guard guard(mutex_);
    running_.erase(std::string(stage));
  }

  // With mutex_ held.
  void live_line(const std::string& text) {
    write_line(fd_, "\r\x1b[K" + text);
    on_live_line_ = true;
  }

  void permanent_line(const std::string& text) {
    const std::lock_guard guard(mutex_);
    write_line(fd_, (on_live_line_ ? "\r\x1b[K" : "") + text + "\n");
    on_live_line_ = false;
  }

  int fd_;
  bool live_;
  bool on_live_line_ = false;
  Clock::time_point last_live_{};
  std::map<std::string, Running> running_;
  std::mutex mutex_;
};

class JsonEvents final : public Events {
 public:
  explicit JsonEvents(int fd) : fd_(fd) {}

  void stage_started(std::string_view stage, std::string_view detail) override {
    emit({{"event", "start"}, {"stage", stage}, {"detail", detail}});
  }
  void stage_finished(std::string_view stage, std::string_view outcome, milliseconds elapsed) override {
    emit({{"event", "finish"}, {"stage", stage}, {"outcome", outcome}, {"elapsed_ms", elapsed.count()}});
  }
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total, std::string_view unit) override {
    emit({{"event", "progress"}, {"stage", stage}, {"done", done}, {"total", total}, {"unit", unit}});
  }
  void note(std::string_view text) override { emit({{"event", "note"}, {"text", text}}); }

 private:
  void emit(const nlohmann::json& event) {
    const std::lock_guard guard(mutex_);
    write_line(fd_, event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  int fd_;
  std::mutex mutex_;
};

class TeeEvents final : public Events {
 public:
  TeeEvents(std::unique_ptr<Events> first, std::unique_ptr<Events> second)
      : first_(std::move(first)), second_(std::move(second)) {}

  void stage_started(std::string_view stage, std::string_view detail) override {
    first_->stage_started(stage, detail);
    second_->stage_started(stage, detail);
  }
  void stage_finished(std::string_view stage, std::string_view outcome, milliseconds elapsed) override {
    first_->stage_finished(stage, outcome, elapsed);
    second_->stage_finished(stage, outcome, elapsed);
  }
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total, std::string_view unit) override {
    first_->progress(stage, done, total, unit);
    second_->progress(stage, done, total, unit);
  }
  void note(std::string_view text) override {
    first_->note(text);
    second_->note(text);
  }

 private:
  std::unique_ptr<Events> first_;
  std::unique_ptr<Events> second_;
};

}  // namespace

Stage::Stage(Events& events, std::string name, std::string_view detail)
    : events_(events),
      name_(std::move(name)),
      exceptions_at_start_(std::uncaught_exceptions()),
      started_(std::chrono::steady_clock::now()) {
  events_.stage_started(name_, detail);
}

Stage::~Stage() {
  if (std::uncaught_exceptions() > exceptions_at_start_) outcome_ = "failed";
  const auto elapsed = std::chrono::steady_clock::now() - started_;
  events_.stage_finished(name_, outcome_, std::chrono::duration_cast<milliseconds>(elapsed));
}

void Stage::progress(std::uint64_t done, std::uint64_t total, std::string_view unit) {
  events_.progress(name_, done, total, unit);
}

std::unique_ptr<Events> make_null_events() { return std::make_unique<NullEvents>(); }
std::unique_ptr<Events> make_text_events(int fd) { return std::make_unique<TextEvents>(fd); }
std::unique_ptr<Events> make_json_events(int fd) { return std::make_unique<JsonEvents>(fd); }
std::unique_ptr<Events> make_tee_events(std::unique_ptr<Events> first, std::unique_ptr<Events> second) {
  return std::make_unique<TeeEvents>(std::move(first), std::move(second));
}

}  // namespace compose
