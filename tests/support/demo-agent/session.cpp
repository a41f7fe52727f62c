#include "session.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "json.hpp"
#include "tasks.hpp"
#include "websocket.hpp"

namespace demo {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kShortestPause = 250ms;
constexpr std::chrono::milliseconds kLongestPause = 10s;
constexpr auto kSilence = 60s;  // the service sends a heartbeat more often than that
constexpr auto kMetricsInterval = 20s;

std::string url_encoded(const std::string& text) {
  static const char* const digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.') {
      encoded += c;
    } else {
      encoded += {'%', digits[static_cast<unsigned char>(c) >> 4], digits[c & 15]};
    }
  }
  return encoded;
}

std::optional<Url> discover(const Settings& settings, const std::string& instance, const char* endpoint,
                            std::string& problem) {
  const std::string body =
      "{" + member("cluster", settings.cluster) + "," + member("containerInstance", instance) + "}";
  const auto reply = call(settings, "DiscoverPollEndpoint", body, problem);
  const auto found = reply && reply->status == 200 ? Json::parse(reply->body) : std::nullopt;
  const auto url = found ? parse_url((*found)[endpoint].text()) : std::nullopt;
  if (reply && !url) problem = "no " + std::string(endpoint) + " in " + reply->body;
  return url;
}

std::unique_ptr<WebSocket> connect(const Settings& settings, const std::string& instance, const char* endpoint,
                                   const std::string& query, std::string& problem) {
  auto url = discover(settings, instance, endpoint, problem);
  if (!url) return nullptr;
  url->path += (url->path.back() == '/' ? "ws?" : "/ws?") + query;
  return WebSocket::open(*url, problem);
}

bool acknowledge(WebSocket& socket, const char* type, const std::string& message) {
  return socket.send("{" + member("type", type) + ",\"message\":" + message + "}");
}

class AcsSession {
 public:
  AcsSession(const Settings& settings, std::string instance) : settings_(settings), instance_(std::move(instance)) {}

  // Until the connection is lost.
  void serve(WebSocket& socket) {
    std::string text;
    while (socket.receive(text, kSilence) == WebSocket::Event::message) {
      const auto message = Json::parse(text);
      if (message && !act((*message)["type"].text(), (*message)["message"], socket)) return;
    }
  }

 private:
  bool act(const std::string& type, const Json& message, WebSocket& socket) {
    const std::string id = member("messageId", message["messageId"].text());
    if (type == "HeartbeatMessage") return acknowledge(socket, "HeartbeatAckRequest", "{" + id + "}");
    if (type != "PayloadMessage") return true;
    for (const TaskPlan& task : read_tasks(message)) {
      if (!known_.insert(task.arn).second) continue;  // asked for again because an acknowledgement was lost
      std::thread([&settings = settings_, task] { run_task(settings, task); }).detach();
    }
    return acknowledge(
        socket, "AckRequest",
        "{" + member("cluster", settings_.cluster) + "," + member("containerInstance", instance_) + "," + id + "}");
  }

  const Settings& settings_;
  std::string instance_;
  std::set<std::string> known_;
};

}  // namespace

void keep_acs_session(const Settings& settings, const std::string& instance, const std::function<void()>& lost) {
  AcsSession session(settings, instance);
  const std::string query = "agentHash=demo&agentVersion=1.0.0&clusterArn=" + url_encoded(settings.cluster) +
                            "&containerInstanceArn=" + url_encoded(instance) +
                            "&protocolVersion=2&seqNum=1&sendCredentials=";
  const char* send_credentials = "true";
  for (auto pause = kShortestPause;; pause = std::min(pause * 3 / 2, kLongestPause)) {
    std::string problem;
    if (const auto socket = connect(settings, instance, "endpoint", query + send_credentials, problem)) {
      say(settings, "connected");
      send_credentials = "false";
      pause = kShortestPause;
      session.serve(*socket);
      say(settings, "the connection was lost");
      lost();
    } else {
      say(settings, "not connected: " + problem);
      std::this_thread::sleep_for(pause);
    }
  }
}

void keep_tcs_session(const Settings& settings, const std::string& instance) {
  const std::string query = "agentHash=demo&agentVersion=1.0.0&cluster=" + url_encoded(settings.cluster) +
                            "&containerInstance=" + url_encoded(instance);
  const std::string metrics = R"({"type":"PublishMetricsRequest","message":{"metadata":{)" +
                              member("cluster", settings.cluster) + "," + member("containerInstance", instance) +
                              R"(,"messageId":"metrics","idle":true,"fin":true}}})";
  for (;; std::this_thread::sleep_for(kLongestPause)) {
    std::string text;
    const auto socket = connect(settings, instance, "telemetryEndpoint", query, text);
    if (!socket) continue;
    while (socket->send(metrics)) {
      const auto next = std::chrono::steady_clock::now() + kMetricsInterval;
      auto event = WebSocket::Event::message;
      while (event == WebSocket::Event::message) {
        const auto left = std::chrono::duration_cast<std::chrono::seconds>(next - std::chrono::steady_clock::now());
        event = socket->receive(text, std::max(left, 0s));
      }
      if (event == WebSocket::Event::closed) break;
    }
  }
}

}  // namespace demo
