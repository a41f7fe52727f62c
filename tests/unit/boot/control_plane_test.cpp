#include "boot/control_plane.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "support/file.hpp"
#include "support/handle.hpp"
#include "support/websocket_client.hpp"

using namespace compose;
using namespace compose::boot;

namespace {

struct Plane {
  TemporaryDirectory directory{fs::temp_directory_path(), "control-plane-"};
  fs::path log = directory.path() / "requests.jsonl";
  ControlPlane control_plane{log, "http://10.0.2.100:8080"};

  Fd connect() const {
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(control_plane.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return client;
  }

  static void send(const Fd& client, const std::string& text) {
    ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }

  static std::string receive_until(const Fd& client, const std::string& end) {
    std::string text;
    char byte = 0;
    while (text.find(end) == std::string::npos && ::recv(client.get(), &byte, 1, 0) == 1) text += byte;
    return text;
  }

  // Until the other end closes.
  std::string exchange(const std::string& request) const {
    const Fd client = connect();
    send(client, request);
    return receive_until(client, "never sent");
  }
};

std::string post(const std::string& target, const std::string& body, const std::string& connection = "close") {
  return "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonEC2ContainerServiceV20141113." + target +
         "\r\nConnection: " + connection + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("a registration over a socket is answered, remembered and logged") {
  const Plane plane;
  const auto before = std::chrono::steady_clock::now();
  const std::string reply = plane.exchange(post("RegisterContainerInstance", R"({"cluster":"blue"})"));
  CHECK(reply.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(reply.find("container-instance/blue/") != std::string::npos);
  const auto seen = plane.control_plane.requests();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].at >= before);
  CHECK(seen[0].status == 200);
  const auto line = nlohmann::json::parse(read_file(plane.log));
  CHECK(line["operation"] == "AmazonEC2ContainerServiceV20141113.RegisterContainerInstance");
  CHECK(line["body"] == R"({"cluster":"blue"})");
}

TEST_CASE("the guest's questions whether to wait are answered but not logged") {
  const Plane plane;
  plane.exchange(post("RegisterContainerInstance", "{}"));
  const std::string reply = plane.exchange("GET /guest HTTP/1.0\r\n\r\n");
  CHECK(reply.ends_with("\r\n\r\n1 wait go\n"));
  CHECK(plane.control_plane.requests().size() == 1);
}

TEST_CASE("a refused registration does not count") {
  const Plane plane;
  plane.exchange(post("RegisterContainerInstance", "{"));
  CHECK(plane.exchange("GET /guest HTTP/1.0\r\n\r\n").ends_with("\n0 wait go\n"));
}

TEST_CASE("the guest is told when there is no time left") {
  Plane plane;
  plane.control_plane.set_out_of_time(true);
  CHECK(plane.exchange("GET /guest HTTP/1.0\r\n\r\n").ends_with("\n0 report go\n"));
}

TEST_CASE("a connection serves one request after another") {
  const Plane plane;
  const Fd client = plane.connect();
  for (int round = 0; round < 3; ++round) {
    Plane::send(client, post("DiscoverPollEndpoint", "{}", "keep-alive"));
    CHECK(Plane::receive_until(client, "}").find("telemetryEndpoint") != std::string::npos);
  }
  CHECK(plane.control_plane.requests().size() == 3);
}

TEST_CASE("text that is not HTTP is answered 400") {
  const Plane plane;
  CHECK(plane.exchange("\x16\x03\x01 hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

TEST_CASE("a body beyond the limit is refused without reading it") {
  const Plane plane;
  CHECK(
      plane.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n").starts_with("HTTP/1.1 413 "));
}

TEST_CASE("a header beyond the limit is refused") {
  const Plane plane;
  const std::string reply = plane.exchange("GET / HTTP/1.1\r\nX-Long: " + std::string(20'000, 'x') + "\r\n\r\n");
  CHECK((reply.empty() || reply.starts_with("HTTP/1.1 413 ")));  // our end may reset while the client still sends
  CHECK(plane.control_plane.requests().at(0).status == 413);
}

TEST_CASE("a pushed task reaches an agent over its websocket, and what the agent says is logged") {
  Plane plane;
  Task task;
  task.image = "i";
  plane.control_plane.push(task);
  test::WebSocketClient agent(plane.control_plane.port(), "/acs/ws?clusterArn=blue&containerInstanceArn=arn%3Ax");
  CHECK(nlohmann::json::parse(agent.receive())["type"] == "HeartbeatMessage");
  const auto payload = nlohmann::json::parse(agent.receive());
  CHECK(payload["type"] == "PayloadMessage");
  CHECK(payload["message"]["containerInstanceArn"] == "arn:x");
  agent.send(R"({"type":"AckRequest","message":{"messageId":"task-1"}})");
  test::WebSocketClient telemetry(plane.control_plane.port(), "/tcs/ws?cluster=blue&containerInstance=arn%3Ax");
  CHECK(nlohmann::json::parse(telemetry.receive())["type"] == "HeartbeatMessage");
  telemetry.send(R"({"type":"PublishMetricsRequest","message":{}})");
  CHECK(nlohmann::json::parse(telemetry.receive())["type"] == "AckPublishMetric");
  const auto seen = plane.control_plane.requests();
  REQUIRE(seen.size() == 4);
  CHECK(seen[0].status == 101);
  CHECK(seen[0].request.path.starts_with("/acs/ws?"));
  CHECK(seen[1].request.method == "WS");
  CHECK(seen[1].request.path == "/acs/ws");
  CHECK(seen[1].request.operation == "AckRequest");
  CHECK(seen[1].request.body == R"({"messageId":"task-1"})");
}

TEST_CASE("a websocket elsewhere is not found, and one that sends too much is closed") {
  const Plane plane;
  CHECK_THROWS(test::WebSocketClient(plane.control_plane.port(), "/ws"));
  test::WebSocketClient agent(plane.control_plane.port(), "/acs/ws");
  agent.receive();
  CHECK_THROWS([&] {
    agent.send(std::string(3U << 20U, 'x'));
    agent.receive();
  }());
}

TEST_CASE("a control plane that went away refuses connections, and comes back on its port with what it has seen") {
  Plane plane;
  const auto port = plane.control_plane.port();
  test::WebSocketClient agent(port, "/acs/ws");
  agent.receive();
  plane.control_plane.stop();
  CHECK_THROWS(agent.receive());
  CHECK_THROWS(test::WebSocketClient(port, "/acs/ws"));
  plane.control_plane.start();
  CHECK(plane.control_plane.port() == port);
  test::WebSocketClient(port, "/acs/ws").receive();
  CHECK(plane.control_plane.requests().size() == 2);
}

TEST_CASE("the guest is told to stay while something is to be done from outside") {
  Plane plane;
  plane.control_plane.set_finished(false);
  CHECK(plane.exchange("GET /guest HTTP/1.0\r\n\r\n").ends_with("\n0 wait stay\n"));
}

TEST_CASE("clients at the same time do not wait for one that says nothing") {
  const Plane plane;
  const Fd silent = plane.connect();
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] { plane.exchange(post("RegisterContainerInstance", "{}")); });
  }
  for (auto& client : clients) client.join();
  CHECK(plane.control_plane.requests().size() == 8);
}

TEST_CASE("a control plane ends with connections open") {
  std::optional<Plane> plane(std::in_place);
  const Fd idle = plane->connect();
  Plane::send(idle, "POST / HTTP/1.1\r\n");
  plane.reset();
  CHECK(Plane::receive_until(idle, "never sent").empty());
}
