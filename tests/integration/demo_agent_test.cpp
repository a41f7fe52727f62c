// The demo's agent (tests/support/demo-agent), made by ci/demo-agent: its image, and the program against a Docker
// socket and a control plane of the test's own.

#include <catch2/catch.hpp>

#include <signal.h>

#include <boost/algorithm/string/trim.hpp>
#include <nlohmann/json.hpp>

#include "boot/control_plane.hpp"
#include "oci/image.hpp"
#include "support/http_fixture.hpp"

using namespace compose;
using test::HttpReply;
using test::HttpServer;

namespace {

const fs::path kSource = SOURCE_DIR;

bool is_registration(const std::string& request) {
  return request.find("X-Amz-Target: AmazonEC2ContainerServiceV20141113.RegisterContainerInstance\r\n") !=
         std::string::npos;
}

nlohmann::json body_of(const std::string& request) {
  return nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4));
}

// Docker as far as the agent asks: a container that has been started runs for a few looks, then has ended.
HttpReply docker(const std::string& request) {
  if (request.starts_with("GET /_ping ")) return {200, "OK"};
  if (request.starts_with("GET /version ")) {
    return {
        200,
        R"({"Platform":{"Name":""},"Components":[{"Name":"Engine","Version":"20.10.24","Details":{"ApiVersion":"1.41"}}],"Version":"20.10.24"})"};
  }
  if (request.starts_with("POST /containers/create?name=")) return {201, R"({"Id":"c1","Warnings":[]})"};
  if (request.starts_with("POST /containers/c1/start ")) return {204, ""};
  if (request.starts_with("GET /containers/c1/json ")) {
    static std::atomic<int> looks = 0;
    const bool running = ++looks % 3 != 0;
    return {200,
            nlohmann::json{
                {"State", {{"Running", running}, {"ExitCode", 0}}},
                {"NetworkSettings",
                 {{"Ports", {{"80/tcp", {{{"HostIp", "0.0.0.0"}, {"HostPort", "8099"}}}}, {"81/tcp", nullptr}}}}}}
                .dump()};
  }
  return {404, ""};
}

HttpReply control_plane(const std::string& request) {
  if (!is_registration(request)) return {200, "{}"};
  const nlohmann::json reply = {{"containerInstance",
                                 {{"containerInstanceArn", "arn:aws:ecs:us-east-1:0:container-instance/demo/1"},
                                  {"attributes", body_of(request).at("attributes")}}}};
  return {200, reply.dump()};
}

// The image, unpacked as far as a test needs: the program, and folders in the place of the container's.
struct Agent {
  TemporaryDirectory directory{fs::temp_directory_path(), "demo-agent-"};
  HttpServer docker_socket{directory.path() / "docker.sock", docker};

  Agent() {
    make();
    const std::string layout = (kSource / "build/demo-agent/oci").string();
    run_checked(
        {"skopeo", "--insecure-policy", "copy", "--quiet", "oci:" + layout + ":latest", "dir:" + path("image")});
    const auto manifest = nlohmann::json::parse(read_file(path("image/manifest.json")));
    const std::string layer = manifest.at("layers").at(0).at("digest").get<std::string>().substr(7);
    run_checked({"tar", "-xzf", path("image/" + layer), "-C", directory.path().string()});
  }

  static std::string make() { return boost::algorithm::trim_copy(run_checked({(kSource / "ci/demo-agent").string()})); }
  std::string path(const std::string& name) const { return (directory.path() / name).string(); }
  Child start(const std::string& backend, const std::string& cluster = "demo") const {
    ProcessOptions options;
    options.environment = {{"ECS_CLUSTER", cluster},
                           {"ECS_BACKEND_HOST", backend},
                           {"ECS_DATADIR", path("data")},
                           {"ECS_LOGFILE", path("log/ecs-agent.log")},
                           {"DOCKER_HOST", "unix://" + path("docker.sock")},
                           {"DEMO_INTROSPECTION_PORT", "0"},
                           {"DEMO_CREDENTIALS_PORT", "0"}};
    options.output_file = path("output");
    return Child({path("agent")}, options);
  }
  std::string log() const {
    return fs::exists(path("log/ecs-agent.log")) ? read_file(path("log/ecs-agent.log")) : std::string();
  }
  bool wait_for_log(const std::string& text) const {
    return eventually([&] { return log().find(text) != std::string::npos; });
  }
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 600; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
};

// What an agent said of its tasks, in order.
std::vector<nlohmann::json> task_reports(const boot::ControlPlane& control_plane) {
  std::vector<nlohmann::json> reports;
  for (const boot::SeenRequest& seen : control_plane.requests()) {
    if (boot::operation_name(seen.request.operation) == "SubmitTaskStateChange")
      reports.push_back(nlohmann::json::parse(seen.request.body));
  }
  return reports;
}

struct BootPlane {
  TemporaryDirectory directory{fs::temp_directory_path(), "demo-plane-"};
  boot::ControlPlane control_plane{directory.path() / "requests.jsonl", ""};
  std::string url() const { return "http://127.0.0.1:" + std::to_string(control_plane.port()); }
};

}  // namespace

TEST_CASE("the demo agent's image is found, checked and made into an archive like any other") {
  const std::string digest = Agent::make();
  const TemporaryDirectory cache(fs::temp_directory_path(), "demo-image-");
  const auto events = make_null_events();
  const auto reference = oci::parse_image_reference("oci:" + (kSource / "build/demo-agent/oci").string() + ":latest");
  CHECK(oci::resolve_digest(reference, *events) == digest);
  const oci::Image image = oci::fetch_image(reference, digest, "amazon/amazon-ecs-agent:latest", cache.path(), *events);
  CHECK(run_checked({"tar", "-tf", image.archive.string()}).starts_with("manifest.json\n"));
  CHECK(image.size_bytes < 5'000'000);
}

TEST_CASE("the demo agent registers over ECS's protocol, and keeps its name when it starts again") {
  const Agent agent;
  const HttpServer backend(control_plane);
  for (const bool again : {false, true}) {
    fs::remove(agent.path("log/ecs-agent.log"));
    Child child = agent.start(backend.url());
    REQUIRE(agent.wait_for_log("registered as arn:aws:ecs:us-east-1:0:container-instance/demo/1"));
    ::kill(child.pid(), SIGTERM);
    CHECK(child.wait() == 0);
    std::string request;
    for (const std::string& seen : backend.requests()) request = is_registration(seen) ? seen : request;
    CHECK(request.find("Content-Type: application/x-amz-json-1.1\r\n") != std::string::npos);
    const auto body = body_of(request);
    CHECK(body.at("cluster") == "demo");
    CHECK(body.at("versionInfo").at("dockerVersion") == "DockerVersion: 20.10.24");
    CHECK(body.at("totalResources").at(0).at("name") == "CPU");
    CHECK(body.at("clientToken").get<std::string>().size() == 36);
    CHECK(body.contains("containerInstanceArn") == again);
  }
  CHECK(nlohmann::json::parse(read_file(agent.path("data/registration.json"))).at("cluster") == "demo");
}

TEST_CASE("the demo agent goes on trying while the control plane fails") {
  const Agent agent;
  std::atomic<int> failures = 2;
  const HttpServer backend([&](const std::string& request) {
    return failures-- > 0 ? HttpReply{500, ""} : control_plane(request);
  });
  const Child child = agent.start(backend.url());
  CHECK(agent.wait_for_log("registered as"));
  CHECK(agent.wait_for_log("cannot register yet: status 500"));
}

TEST_CASE("the demo agent ends with 5 where trying again is no use, as the real one") {
  const Agent agent;
  const auto exit_code = [&](const HttpServer::Handler& handler, const std::string& cluster) {
    const HttpServer backend(handler);
    return agent.start(backend.url(), cluster).wait();
  };
  CHECK(exit_code(
            [](const std::string&) {
              return HttpReply{400, R"({"__type":"ClusterNotFoundException"})"};
            },
            "demo") == 5);
  CHECK(exit_code(
            [](const std::string&) {
              return HttpReply{200, R"({"containerInstance":{"containerInstanceArn":"arn:x","attributes":[]}})"};
            },
            "demo") == 5);
  CHECK(exit_code(control_plane, "not a name") == 5);
  CHECK(agent.start("ftp://x").wait() == 5);
}

TEST_CASE("a task pushed by the boot test's control plane runs under the demo agent until it is STOPPED") {
  const Agent agent;
  BootPlane plane;
  boot::Task task;
  task.image = "amazon/amazon-ecs-agent:latest";
  task.command = {"serve", "80", "20"};
  plane.control_plane.push(task);
  const Child child = agent.start(plane.url());
  REQUIRE(Agent::eventually([&] { return task_reports(plane.control_plane).size() == 2; }));
  const auto reports = task_reports(plane.control_plane);
  CHECK(reports[0].at("task") == boot::task_arn(task, "demo"));
  CHECK(reports[0].at("status") == "RUNNING");
  CHECK(reports[0].at("containers").at(0).at("networkBindings") ==
        nlohmann::json::parse(R"([{"bindIP":"0.0.0.0","containerPort":80,"hostPort":8099,"protocol":"tcp"}])"));
  CHECK(reports[1].at("status") == "STOPPED");
  CHECK(reports[1].at("containers").at(0).at("exitCode") == 0);
  const auto asked = agent.docker_socket.requests();
  const auto create = std::find_if(
      asked.begin(), asked.end(), [](const std::string& request) { return request.starts_with("POST /containers/c"); });
  REQUIRE(create != asked.end());
  CHECK(create->find("Content-Type: application/json\r\n") != std::string::npos);
  const auto body = body_of(*create);
  CHECK(body.at("Image") == task.image);
  CHECK(body.at("Cmd") == nlohmann::json(task.command));
  CHECK(body.at("HostConfig") == nlohmann::json::parse(R"({"NetworkMode":"bridge","Memory":134217728,
      "NanoCpus":250000000,"PortBindings":{"80/tcp":[{"HostPort":"8099"}]}})"));
  CHECK(asked.back().starts_with("DELETE /containers/c1?force=true "));
}

TEST_CASE("the demo agent registers and connects again, as the same instance, when the control plane comes back") {
  const Agent agent;
  BootPlane plane;
  const Child child = agent.start(plane.url());
  const auto count = [&](const std::function<bool(const boot::SeenRequest&)>& which) {
    const auto seen = plane.control_plane.requests();
    return std::count_if(seen.begin(), seen.end(), which);
  };
  const auto connections = [&] {
    return count([](const auto& seen) { return seen.status == 101 && seen.request.path.starts_with("/acs/ws?"); });
  };
  REQUIRE(Agent::eventually([&] { return connections() == 1; }));
  plane.control_plane.stop();
  REQUIRE(agent.wait_for_log("the connection was lost"));
  plane.control_plane.start();
  REQUIRE(Agent::eventually([&] { return connections() == 2; }));
  std::vector<std::string> registrations;
  for (const auto& seen : plane.control_plane.requests()) {
    if (boot::is_registration(seen.request)) registrations.push_back(seen.request.body);
  }
  REQUIRE(registrations.size() == 2);
  CHECK_FALSE(nlohmann::json::parse(registrations[0]).contains("containerInstanceArn"));
  CHECK(nlohmann::json::parse(registrations[1]).contains("containerInstanceArn"));
}

TEST_CASE("the demo agent has introspection for everybody and credentials for the host, as the real one") {
  const Agent agent;
  BootPlane plane;
  const Child child = agent.start(plane.url());
  const auto url_of = [&](const std::string& what) {
    REQUIRE(agent.wait_for_log(what + " on port "));
    const std::string log = agent.log();
    return "http://127.0.0.1:" + std::to_string(std::stoi(log.substr(log.find(what + " on port ") + what.size() + 9)));
  };
  const auto metadata = nlohmann::json::parse(run_checked({"curl", "-sf", url_of("introspection") + "/v1/metadata"}));
  CHECK(metadata.at("Cluster") == "demo");
  CHECK(metadata.at("ContainerInstanceArn").get<std::string>().find(":container-instance/demo/") != std::string::npos);
  CHECK(metadata.at("Version") == "1.0");
  const std::string credentials = run_checked({"curl", "-s", url_of("credentials") + "/v2/credentials/x"});
  CHECK(nlohmann::json::parse(credentials).at("code") == "InvalidIdInRequest");
}

TEST_CASE("what the demo agent's task serves can be reached once, then it ends with 0") {
  const Agent agent;
  ProcessOptions options;
  options.output_file = agent.path("output");
  Child child({agent.path("agent"), "serve", "0", "30"}, options);
  const auto output = [&] { return fs::exists(agent.path("output")) ? read_file(agent.path("output")) : ""; };
  REQUIRE(Agent::eventually([&] { return output().ends_with("\n"); }));
  const std::string port = output().substr(std::string("serving on port ").size());
  CHECK(run_checked({"curl", "-sf", "http://127.0.0.1:" + boost::algorithm::trim_copy(port)}) == "{\"served\":true}\n");
  CHECK(child.wait() == 0);
}

TEST_CASE("as a probe the demo agent's program asks once and tells by its exit code") {
  const Agent agent;
  const HttpServer server([](const std::string& request) {
    return HttpReply{request.starts_with("GET /probe/1 ") ? 200 : 404, "ok"};
  });
  CHECK(run({agent.path("agent"), "probe", server.url() + "/probe/1"}).exit_code == 0);
  CHECK(run({agent.path("agent"), "probe", server.url() + "/other"}).exit_code == 1);
  CHECK(run({agent.path("agent"), "probe", "http://127.0.0.1:1/"}).exit_code == 1);
  CHECK(run({agent.path("agent"), "probe"}).exit_code == 5);
}
