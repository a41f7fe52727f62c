#include "publish/aws/surroundings.hpp"

#include <ctime>

#include <algorithm>
#include <cstdio>
#include <random>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::aws {
namespace {

double random_fraction() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

// In slices: a wish to stop is only a store to an atomic, which wakes nobody.
void sleep_in_slices(std::chrono::milliseconds duration, const Cancel& cancel) {
  constexpr std::chrono::milliseconds slice(50);
  const auto end = std::chrono::steady_clock::now() + duration;
  while (!cancel.stopped()) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, slice));
  }
}

// What follows the seconds: a fraction, which is dropped, then Z or an offset. Nothing for anything else.
std::optional<std::chrono::seconds> parse_offset(const char* text) {
  if (*text == '.') {
    ++text;
    while (*text >= '0' && *text <= '9') ++text;
  }
  const std::string rest = text;
  if (rest == "Z" || rest == "z") return std::chrono::seconds(0);
  int hours = 0;
  int minutes = 0;
  int end = 0;
  if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-')) return std::nullopt;
  if (std::sscanf(rest.c_str() + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 || end != 5) return std::nullopt;
  const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return rest[0] == '+' ? offset : -offset;
}

}  // namespace

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::optional<std::string> find_variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  if (found == environment.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::optional<Time> parse_time(const std::string& text) {
  std::tm fields{};
  const char* const rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  if (rest == nullptr) return std::nullopt;
  const auto offset = parse_offset(rest);
  if (!offset) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&fields)) - *offset;
}

std::string format_time(Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", fields.tm_year + 1900, fields.tm_mon + 1, fields.tm_mday,
                     fields.tm_hour, fields.tm_min, fields.tm_sec);
}

void Cancel::check() const {
  if (stopped()) throw Error(ErrorKind::failed, "stopped before the end");
}

Timing real_timing() {
  return {std::chrono::system_clock::now, std::chrono::steady_clock::now, sleep_in_slices, random_fraction};
}

}  // namespace compose::aws
