// A stand-in for the Amazon ECS agent: small, static, and speaking enough of its protocols to register an instance, to
// keep its websockets open and to run the tasks that come.
//
//   agent                      reads its environment as the real one does, waits for Docker, registers, stays
//   agent probe URL            one GET; exits with 0 when the answer is 200
//   agent serve PORT SECONDS   answers HTTP; ends with 0 after that time, or soon after the first request
//
// Environment: ECS_CLUSTER, ECS_BACKEND_HOST (http://ADDRESS:PORT), AWS_DEFAULT_REGION, ECS_DATADIR (/data),
// ECS_LOGFILE (/log/ecs-agent.log), DOCKER_HOST (unix:///var/run/docker.sock); and where its own pages are, for tests:
// DEMO_INTROSPECTION_PORT (51678), DEMO_CREDENTIALS_PORT (51679).
// Exit codes are the real agent's: 0 stopped, 1 worth another start, 5 trying again is no use.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include <sys/sysinfo.h>
#include <unistd.h>

#include "agent.hpp"
#include "ecs.hpp"
#include "json.hpp"
#include "server.hpp"
#include "session.hpp"

namespace {

using namespace demo;
using namespace std::chrono_literals;

constexpr int kDockerTries = 60;

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
  const auto version = reply && reply->status == 200 ? Json::parse(reply->body) : std::nullopt;
  if (!version) give_up(settings, "Docker does not tell its version: " + problem, kRestart);
  registration.docker_version = (*version)["Version"].text();
  registration.docker_api_version = (*version)["ApiVersion"].text();
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
  const auto earlier = Json::parse(read_file(settings.data + "/registration.json"));
  if (earlier && (*earlier)["cluster"].text() == registration.cluster) {
    registration.known_instance = (*earlier)["containerInstanceArn"].text();
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

// The instance's ARN. The real agent ends for good when the reply lacks an attribute it asked for; so does this one.
std::string check_reply(const Settings& settings, const Registration& registration, const Reply& reply) {
  if (reply.status >= 400 && reply.status < 500) give_up(settings, "registration refused: " + reply.body, kTerminal);
  const auto body = Json::parse(reply.body);
  const std::string arn = body ? (*body)["containerInstance"]["containerInstanceArn"].text() : "";
  if (arn.empty()) give_up(settings, "registration without containerInstanceArn: " + reply.body, kTerminal);
  for (const std::string& name : attribute_names(registration)) {
    const auto& echoed = (*body)["containerInstance"]["attributes"].items();
    if (std::none_of(echoed.begin(), echoed.end(), [&](const Json& one) { return one["name"].text() == name; }))
      give_up(settings, "the reply lacks attribute " + name, kTerminal);
  }
  return arn;
}

void remember(const Settings& settings, const Registration& registration, const std::string& arn) {
  const std::string path = settings.data + "/registration.json";
  std::ofstream(path + ".new") << "{" + member("cluster", registration.cluster) + "," +
                                      member("containerInstanceArn", arn) + "}\n";
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0) give_up(settings, "cannot write " + path, kRestart);
}

std::string register_instance(const Settings& settings) {
  const Registration registration = make_registration(settings);
  const Reply reply =
      call_until_answered(settings, "RegisterContainerInstance", to_json(registration), "cannot register yet");
  const std::string arn = check_reply(settings, registration, reply);
  remember(settings, registration, arn);
  say(settings, "registered as " + arn);
  return arn;
}

// Answers for as long as the agent runs; a port that is taken is tried again.
void serve_in_background(const Settings& settings, const char* what, const char* address, unsigned short port,
                         Pages pages) {
  std::thread([&settings, what = std::string(what), address = std::string(address), port, pages = std::move(pages)] {
    for (;; std::this_thread::sleep_for(5s)) {
      const Server server(address, port);
      say(settings, what + (server.listening() ? " on port " + std::to_string(server.port())
                                               : " has no port: " + std::to_string(port) + " is taken"));
      while (server.listening()) server.serve_one(pages, 60s);
    }
  }).detach();
}

// As the real agent's: introspection for everybody (the host's firewall decides), credentials for tasks.
void serve_own_pages(const Settings& settings, const std::string& arn) {
  const std::string metadata = "{" + member("Cluster", settings.cluster) + "," + member("ContainerInstanceArn", arn) +
                               "," + member("Version", agent_version()) + "}\n";
  serve_in_background(settings, "introspection", "0.0.0.0", settings.introspection_port,
                      [metadata](const std::string& path) {
                        if (path == "/v1/metadata") return Reply{200, metadata};
                        return Reply{404, R"({"AvailableCommands":["/v1/metadata"]})"
                                          "\n"};
                      });
  serve_in_background(settings, "credentials", "127.0.0.1", settings.credentials_port, [](const std::string&) {
    return Reply{400, R"({"code":"InvalidIdInRequest","message":"no task has credentials here","HTTPErrorCode":400})"
                      "\n"};
  });
}

[[noreturn]] void run_agent() {
  const Settings settings = read_settings();
  wait_for_docker(settings);
  const std::string arn = register_instance(settings);
  serve_own_pages(settings, arn);
  std::thread([&] { keep_tcs_session(settings, arn); }).detach();
  keep_acs_session(settings, arn, [&] { register_instance(settings); });
}

int probe(const std::string& text) {
  const auto url = parse_url(text);
  std::string problem = "not http://ADDRESS:PORT/PATH";
  const auto reply = url ? send_tcp(*url, {"GET", url->path, url->address, {}, {}}, problem) : std::nullopt;
  std::printf("%s: %s\n", text.c_str(), reply ? std::to_string(reply->status).c_str() : problem.c_str());
  return reply && reply->status == 200 ? 0 : 1;
}

int serve(const std::string& port_text, const std::string& seconds_text) {
  unsigned short port = 0;
  unsigned seconds = 0;
  std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  std::from_chars(seconds_text.data(), seconds_text.data() + seconds_text.size(), seconds);
  const Server server("0.0.0.0", port);
  if (!server.listening()) return kRestart;
  std::printf("serving on port %u\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  const Pages pages = [](const std::string&) { return Reply{200, "{\"served\":true}\n"}; };
  if (server.serve_one(pages, std::chrono::seconds(seconds))) {
    while (server.serve_one(pages, 2s)) {
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // As process 1 of a container, signals without a handler are ignored. There is nothing to put in order first.
  const auto stop = [](int) { ::_exit(0); };
  std::signal(SIGTERM, stop);
  std::signal(SIGINT, stop);
  const std::string word = argc > 1 ? argv[1] : "";
  if (argc == 3 && word == "probe") return probe(argv[2]);
  if (argc == 4 && word == "serve") return serve(argv[2], argv[3]);
  if (argc != 1) {
    std::fprintf(stderr, "usage: agent | agent probe URL | agent serve PORT SECONDS\n");
    return kTerminal;
  }
  run_agent();
}
