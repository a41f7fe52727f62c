// The demo's agent (tests/support/demo-agent), made by ci/demo-agent: its image, and the program against a Docker
// socket and a control plane of the test's own.

#include <catch2/catch.hpp>

#include <signal.h>

#include <boost/algorithm/string/trim.hpp>
#include <nlohmann/json.hpp>

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

HttpReply docker(const std::string& request) {
  if (request.starts_with("GET /_ping ")) return {200, "OK"};
  if (request.starts_with("GET /version ")) {
    return {
        200,
        R"({"Platform":{"Name":""},"Components":[{"Name":"Engine","Version":"20.10.24","Details":{"ApiVersion":"1.41"}}],"Version":"20.10.24"})"};
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
                           {"DOCKER_HOST", "unix://" + path("docker.sock")}};
    options.output_file = path("output");
    return Child({path("agent")}, options);
  }
  bool wait_for_log(const std::string& text) const {
    for (int i = 0; i < 200; ++i) {
      if (fs::exists(path("log/ecs-agent.log")) && read_file(path("log/ecs-agent.log")).find(text) != std::string::npos)
        return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
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
