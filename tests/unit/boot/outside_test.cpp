#include "boot/outside.hpp"

#include <thread>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "boot/http_service.hpp"
#include "boot/machine.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/websocket_client.hpp"

using namespace compose;
using namespace compose::boot;

namespace {

// An agent played by the test, against a control plane whose guest's ports are a service of this machine.
struct Play {
  TemporaryDirectory directory{fs::temp_directory_path(), "outside-test-"};
  ControlPlane control_plane{directory.path() / "requests.jsonl", "http://10.0.2.100:8080"};
  HttpService guest{{[](const HttpRequest&) { return HttpReply{200, "text/plain", "here\n", {}}; }, nullptr, nullptr}};
  BootTest test;
  OutsidePorts ports{guest.port(), free_port(), guest.port()};

  // A request as the agent would send it; "stay" or "go" after it.
  std::string call(const std::string& operation, const std::string& body) {
    HttpClient(control_plane.port(), "POST", "/", operation, body);
    return HttpClient(control_plane.port(), "GET", "/guest", "", "").last_word();
  }

  class HttpClient {
   public:
    HttpClient(std::uint16_t port, const std::string& method, const std::string& path, const std::string& operation,
               const std::string& body) {
      boost::asio::ip::tcp::iostream stream(
          boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
      stream << method << " " << path << " HTTP/1.0\r\nX-Amz-Target: AmazonEC2ContainerServiceV20141113." << operation
             << "\r\nContent-Length: " << body.size() << "\r\n\r\n"
             << body << std::flush;
      for (std::string line; std::getline(stream, line);) text_ = line;
    }
    std::string last_word() const { return text_.substr(text_.rfind(' ') + 1); }

   private:
    std::string text_;
  };

  static std::string report(const std::string& status) {
    return R"({"cluster":"blue","task":")" + task_arn(Task(), "blue") + R"(","status":")" + status + "\"}";
  }
};

}  // namespace

TEST_CASE("where nothing is to be done from outside the guest may go at once") {
  Play play;
  Outside outside(play.test, play.control_plane, play.ports);
  outside.begin(1);
  CHECK(play.call("DiscoverPollEndpoint", "{}") == "go");
}

TEST_CASE("a task is pushed once the agent has registered, called while it runs, and awaited") {
  Play play;
  play.test.task = Task();
  Outside outside(play.test, play.control_plane, play.ports);
  outside.begin(1);
  test::WebSocketClient agent(play.control_plane.port(), "/acs/ws?clusterArn=blue&containerInstanceArn=x");
  CHECK(agent.receive().find("HeartbeatMessage") != std::string::npos);
  CHECK(play.call("RegisterContainerInstance", "{}") == "stay");
  outside.advance(play.control_plane.requests());
  CHECK(agent.receive().find("PayloadMessage") != std::string::npos);
  CHECK_FALSE(outside.findings().task_answered);
  CHECK(play.call("SubmitTaskStateChange", Play::report("RUNNING")) == "stay");
  outside.advance(play.control_plane.requests());
  CHECK(outside.findings().task_answered == true);
  CHECK(play.call("SubmitTaskStateChange", Play::report("STOPPED")) == "stay");
  outside.advance(play.control_plane.requests());
  CHECK(play.call("DiscoverPollEndpoint", "{}") == "go");
  CHECK(find_task_report(play.control_plane.requests(), 1, "STOPPED"));
  CHECK_FALSE(find_task_report(play.control_plane.requests(), 2, "STOPPED"));
}

TEST_CASE("the agent's ports are tried from outside after the registration") {
  Play play;
  play.test.network_rules = true;
  Outside outside(play.test, play.control_plane, play.ports);
  outside.begin(1);
  outside.advance(play.control_plane.requests());
  CHECK_FALSE(outside.findings().introspection_answered);
  CHECK(play.call("RegisterContainerInstance", "{}") == "stay");
  outside.advance(play.control_plane.requests());
  CHECK(outside.findings().introspection_answered == false);
  CHECK(outside.findings().credentials_answered == true);
  CHECK(play.call("DiscoverPollEndpoint", "{}") == "go");
}

TEST_CASE("the control plane goes away and comes back in the first boot, and the agent is awaited") {
  Play play;
  play.test.restart_control_plane = true;
  play.test.image = "agent:latest";
  Outside outside(play.test, play.control_plane, play.ports);
  outside.begin(1);
  CHECK(play.call("RegisterContainerInstance", "{}") == "stay");
  outside.advance(play.control_plane.requests());
  CHECK(test::WebSocketClient(play.control_plane.port(), "/acs/ws").receive() !=
        "");  // the container has not called yet
  run_checked({"bash", "-c",
               "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(play.control_plane.port()) +
                   "; printf 'GET /probe/1 HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"});
  outside.advance(play.control_plane.requests());
  CHECK_THROWS(test::WebSocketClient(play.control_plane.port(), "/acs/ws"));
  for (int i = 0; i < 600 && !outside.findings().restarted; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    outside.advance(play.control_plane.requests());
  }
  REQUIRE(outside.findings().restarted);
  CHECK(play.call("DiscoverPollEndpoint", "{}") == "stay");
  test::WebSocketClient agent(play.control_plane.port(), "/acs/ws");
  agent.receive();
  outside.advance(play.control_plane.requests());
  CHECK(play.call("DiscoverPollEndpoint", "{}") == "go");
  outside.begin(2);
  CHECK(play.call("DiscoverPollEndpoint", "{}") == "go");
}

TEST_CASE("a port that takes a connection and says nothing does not answer") {
  Play play;
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor silent(context, {boost::asio::ip::address_v4::loopback(), 0});
  CHECK_FALSE(port_answers(silent.local_endpoint().port(), "/", std::chrono::milliseconds(100)));
  CHECK(port_answers(play.guest.port(), "/", std::chrono::milliseconds(10'000)));
}
