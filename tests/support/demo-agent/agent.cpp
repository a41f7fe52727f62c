#include "agent.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>

namespace demo {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestPause = 15'000ms;

std::string variable(const char* name, const std::string& fallback) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? fallback : value;
}

unsigned short port_variable(const char* name, unsigned short fallback) {
  const std::string text = variable(name, "");
  std::from_chars(text.data(), text.data() + text.size(), fallback);
  return fallback;
}

void check_cluster(const Settings& settings) {
  const bool valid = std::all_of(settings.cluster.begin(), settings.cluster.end(),
                                 [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
  if (!valid) give_up(settings, "'" + settings.cluster + "' is not a cluster's name", kTerminal);
}

}  // namespace

Settings read_settings() {
  const std::string docker = variable("DOCKER_HOST", "unix:///var/run/docker.sock");
  Settings settings{variable("ECS_CLUSTER", "default"),
                    variable("AWS_DEFAULT_REGION", "us-east-1"),
                    variable("ECS_DATADIR", "/data"),
                    variable("ECS_LOGFILE", "/log/ecs-agent.log"),
                    docker.substr(std::min(docker.size(), std::string("unix://").size())),
                    {},
                    port_variable("DEMO_INTROSPECTION_PORT", 51678),
                    port_variable("DEMO_CREDENTIALS_PORT", 51679)};
  say(settings, "starting for cluster " + settings.cluster);
  check_cluster(settings);
  const std::string backend = variable("ECS_BACKEND_HOST", "");
  const auto url = parse_url(backend);
  if (!url) give_up(settings, "ECS_BACKEND_HOST '" + backend + "' is not http://ADDRESS:PORT", kTerminal);
  settings.backend = *url;
  return settings;
}

void say(const Settings& settings, const std::string& text) {
  static std::mutex mutex;
  const std::lock_guard guard(mutex);
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
  std::ofstream(settings.log, std::ios::app) << text << '\n';
}

void give_up(const Settings& settings, const std::string& text, int code) {
  say(settings, text);
  std::_Exit(code);  // other threads may be running
}

std::optional<Reply> call(const Settings& settings, const std::string& operation, const std::string& body,
                          std::string& problem) {
  Request request{"POST", "/", settings.backend.address + ":" + std::to_string(settings.backend.port), {}, body};
  request.headers = {"Content-Type: application/x-amz-json-1.1",
                     "X-Amz-Target: AmazonEC2ContainerServiceV20141113." + operation,
                     "X-Amz-Region: " + settings.region};
  return send_tcp(settings.backend, request, problem);
}

Reply call_until_answered(const Settings& settings, const std::string& operation, const std::string& body,
                          const std::string& complaint) {
  for (auto pause = 500ms;; pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestPause)) {
    std::string problem;
    const auto reply = call(settings, operation, body, problem);
    if (reply && reply->status < 500) return *reply;
    say(settings, complaint + ": " + (reply ? "status " + std::to_string(reply->status) : problem));
    std::this_thread::sleep_for(pause);
  }
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace demo
