#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "boot/boot_test.hpp"
#include "boot/guest_json.hpp"

namespace compose::boot {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

json seconds(const std::optional<milliseconds>& time) {
  if (!time) return nullptr;
  return std::round(static_cast<double>(time->count()) / 100) / 10;
}

json boot_json(const BootRun& boot) {
  const json registration = parse_guest_json(boot.registration);
  json checks = json::array();
  for (const Check& check : boot.checks) {
    checks.push_back({{"name", check.name}, {"passed", check.passed}, {"detail", check.detail}});
  }
  return {{"checks", std::move(checks)},
          {"kernel_s", seconds(boot.times.kernel)},
          {"userspace_s", seconds(boot.times.userspace)},
          {"registered_s", seconds(boot.times.registered)},
          {"task_running_s", seconds(boot.times.task_running)},
          {"task_stopped_s", seconds(boot.times.task_stopped)},
          {"reconnected_s", seconds(boot.times.reconnected)},
          {"finished_s", seconds(boot.times.finished)},
          {"registration", registration.is_discarded() ? json() : registration}};
}

std::string time_text(const char* what, const std::optional<milliseconds>& time) {
  if (!time) return {};
  return fmt::format("  {} {:.1f} s", what, static_cast<double>(time->count()) / 1000);
}

std::string boot_text(std::size_t number, const BootRun& boot) {
  std::string text =
      fmt::format("boot {}:{}{}{}{}{}{}{}\n", number, time_text("kernel", boot.times.kernel),
                  time_text("userspace", boot.times.userspace), time_text("registered", boot.times.registered),
                  time_text("task running", boot.times.task_running), time_text("stopped", boot.times.task_stopped),
                  time_text("reconnected", boot.times.reconnected), time_text("checked", boot.times.finished));
  for (const Check& check : boot.checks) {
    text += fmt::format("  {:<6} {:<18} {}\n", check.passed ? "ok" : "FAILED", check.name, check.detail);
  }
  return text;
}

std::string section(const char* title, const std::string& text) {
  if (text.empty()) return {};
  return fmt::format("--- {} ---\n{}", title, text);
}

}  // namespace

std::string describe(const BootReport& report) {
  std::string text;
  for (std::size_t at = 0; at < report.boots.size(); ++at) text += boot_text(at + 1, report.boots[at]);
  if (report.passed) return text;
  return text + section("what the guest says", report.guest_diagnosis) +
         section("the end of its console", report.serial_tail) + fmt::format("boot test failed: {}\n", report.failure);
}

json to_json(const BootReport& report) {
  json boots = json::array();
  for (const BootRun& boot : report.boots) boots.push_back(boot_json(boot));
  return {{"passed", report.passed},
          {"failure", report.failure},
          {"accelerator", report.accelerator},
          {"total_s", seconds(report.total)},
          {"boots", std::move(boots)}};
}

}  // namespace compose::boot
