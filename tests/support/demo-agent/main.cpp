// A stand-in for the Amazon ECS agent: small, static, and speaking enough of its protocol to register an instance.
//
//   agent             reads its environment as the real one does, waits for Docker, registers, stays
//   agent probe URL   one GET; exits with 0 when the answer is 200
//
// Environment: ECS_CLUSTER, ECS_BACKEND_HOST (http://ADDRESS:PORT), AWS_DEFAULT_REGION, ECS_DATADIR (/data),
// ECS_LOGFILE (/log/ecs-agent.log), DOCKER_HOST (unix:///var/run/docker.sock).
// Exit codes are the real agent's: 0 stopped, 1 worth another start, 5 trying again is no use.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>

#include <sys/sysinfo.h>
#include <unistd.h>

#include "ecs.hpp"
#include "http.hpp"

namespace {

using namespace demo;
using namespace std::chrono_literals;

constexpr int kRestart = 1;
constexpr int kTerminal = 5;
constexpr int kDockerTries = 60;
constexpr auto kLongestPause = 15'000ms;

struct Settings {
  std::string cluster;
  std::string backend;
  std::string region;
  std::string data;
  std::string log;
  std::string docker_socket;
};

std::string variable(const char* name, const std::string& fallback) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? fallback : value;
}

Settings read_settings() {
  const std::string docker = variable("DOCKER_HOST", "unix:///var/run/docker.sock");
  return {variable("ECS_CLUSTER", "default"),
          variable("ECS_BACKEND_HOST", ""),
          variable("AWS_DEFAULT_REGION", "us-east-1"),
          variable("ECS_DATADIR", "/data"),
          variable("ECS_LOGFILE", "/log/ecs-agent.log"),
          docker.substr(std::min(docker.size(), std::string("unix://").size()))};
}

void say(const Settings& settings, const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
  std::ofstream(settings.log, std::ios::app) << text << '\n';
}

[[noreturn]] void give_up(const Settings& settings, const std::string& text, int code) {
  say(settings, text);
  std::exit(code);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Waits for a daemon that is still starting.
void wait_for_docker(const Settings& settings) {
  std::string problem;
  for (int i = 0; i < kDockerTries; ++i) {
    const auto reply = send_unix(settings.docker_socket, {"GET", "/_ping", "docker", {}, {}}, problem);
    if (reply && reply->status == 200 && reply->body == "OK") return;
    if (reply) problem = "status " + std::to_string(reply->status);
    std::this_thread::sleep_for(1s);
  }
  give_up(settings, "no answer from Docker at " + settings.docker_socket + ": " + problem, kRestart);
}

void add_docker_version(const Settings& settings, Registration& registration) {
  std::string problem;
  const auto reply = send_unix(settings.docker_socket, {"GET", "/version", "docker", {}, {}}, problem);
  if (!reply || reply->status != 200) give_up(settings, "Docker does not tell its version: " + problem, kRestart);
  // The document begins with its components' versions; the engine's own is the first one.
  registration.docker_version = find_string(reply->body, "Version").value_or("unknown");
  registration.docker_api_version = find_string(reply->body, "ApiVersion").value_or("unknown");
  say(settings, "docker " + registration.docker_version + ", API " + registration.docker_api_version);
}

void add_machine(Registration& registration) {
  struct sysinfo info {};
  ::sysinfo(&info);
  registration.cpu_units = 1024 * ::sysconf(_SC_NPROCESSORS_ONLN);
  registration.memory_mib = static_cast<long>(info.totalram / 1024 * info.mem_unit / 1024);
}

// An instance that has registered before keeps its name, in the same cluster.
void add_earlier_registration(const Settings& settings, Registration& registration) {
  const std::string earlier = read_file(settings.data + "/registration.json");
  if (find_string(earlier, "cluster") == registration.cluster) {
    registration.known_instance = find_string(earlier, "containerInstanceArn").value_or("");
  }
}

Registration make_registration(const Settings& settings) {
  Registration registration;
  registration.cluster = settings.cluster;
  registration.client_token = read_file("/proc/sys/kernel/random/uuid").substr(0, 36);
  add_docker_version(settings, registration);
  add_machine(registration);
  add_earlier_registration(settings, registration);
  return registration;
}

std::optional<Reply> call(const Settings& settings, const Url& backend, const std::string& operation,
                          const std::string& body, std::string& problem) {
  Request request{"POST", "/", backend.address + ":" + std::to_string(backend.port), {}, body};
  request.headers = {"Content-Type: application/x-amz-json-1.1",
                     "X-Amz-Target: AmazonEC2ContainerServiceV20141113." + operation,
                     "X-Amz-Region: " + settings.region};
  return send_tcp(backend, request, problem);
}

// The instance's ARN. The real agent ends for good when the reply lacks an attribute it asked for; so does this one.
std::string check_reply(const Settings& settings, const Registration& registration, const Reply& reply) {
  if (reply.status >= 400 && reply.status < 500) give_up(settings, "registration refused: " + reply.body, kTerminal);
  const auto arn = find_string(reply.body, "containerInstanceArn");
  if (!arn || arn->empty()) give_up(settings, "registration without containerInstanceArn: " + reply.body, kTerminal);
  for (const std::string& name : attribute_names(registration)) {
    if (reply.body.find("\"" + name + "\"") == std::string::npos)
      give_up(settings, "the reply lacks attribute " + name, kTerminal);
  }
  return *arn;
}

std::string register_instance(const Settings& settings, const Url& backend, const Registration& registration) {
  for (auto pause = 500ms;; pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestPause)) {
    std::string problem;
    const auto reply = call(settings, backend, "RegisterContainerInstance", to_json(registration), problem);
    if (reply && reply->status < 500) return check_reply(settings, registration, *reply);
    say(settings, "cannot register yet: " + (reply ? "status " + std::to_string(reply->status) : problem));
    std::this_thread::sleep_for(pause);
  }
}

void remember(const Settings& settings, const Registration& registration, const std::string& arn) {
  const std::string path = settings.data + "/registration.json";
  std::ofstream(path + ".new") << "{\"cluster\":\"" << registration.cluster << "\",\"containerInstanceArn\":\"" << arn
                               << "\"}\n";
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0) give_up(settings, "cannot write " + path, kRestart);
}

[[noreturn]] void stay(const Settings& settings, const Url& backend, const std::string& arn) {
  while (true) {
    std::string problem;
    const std::string body = "{\"cluster\":\"" + settings.cluster + "\",\"containerInstance\":\"" + arn + "\"}";
    const auto reply = call(settings, backend, "DiscoverPollEndpoint", body, problem);
    if (!reply) say(settings, "the control plane does not answer: " + problem);
    std::this_thread::sleep_for(60s);
  }
}

[[noreturn]] void run_agent() {
  const Settings settings = read_settings();
  say(settings, "starting for cluster " + settings.cluster);
  const bool valid = std::all_of(settings.cluster.begin(), settings.cluster.end(),
                                 [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
  if (!valid) give_up(settings, "'" + settings.cluster + "' is not a cluster's name", kTerminal);
  const auto backend = parse_url(settings.backend);
  if (!backend) give_up(settings, "ECS_BACKEND_HOST '" + settings.backend + "' is not http://ADDRESS:PORT", kTerminal);
  wait_for_docker(settings);
  const Registration registration = make_registration(settings);
  const std::string arn = register_instance(settings, *backend, registration);
  remember(settings, registration, arn);
  say(settings, "registered as " + arn);
  stay(settings, *backend, arn);
}

int probe(const std::string& text) {
  const auto url = parse_url(text);
  std::string problem = "not http://ADDRESS:PORT/PATH";
  const auto reply = url ? send_tcp(*url, {"GET", url->path, url->address, {}, {}}, problem) : std::nullopt;
  std::printf("%s: %s\n", text.c_str(), reply ? std::to_string(reply->status).c_str() : problem.c_str());
  return reply && reply->status == 200 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  // As process 1 of a container, signals without a handler are ignored. There is nothing to put in order first.
  const auto stop = [](int) { ::_exit(0); };
  std::signal(SIGTERM, stop);
  std::signal(SIGINT, stop);
  if (argc == 3 && std::string(argv[1]) == "probe") return probe(argv[2]);
  if (argc != 1) {
    std::fprintf(stderr, "usage: agent | agent probe URL\n");
    return kTerminal;
  }
  run_agent();
}
