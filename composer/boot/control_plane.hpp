#pragma once
// A stand-in for the cluster's control plane: an HTTP and WebSocket server on 127.0.0.1. ecs_api.hpp decides what it
// answers, agent_channel.hpp what it says over the agent's websockets.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "boot/agent_channel.hpp"
#include "boot/ecs_api.hpp"
#include "support/path.hpp"

namespace compose::boot {

// A request, or a message that came over a websocket: method "WS", the websocket's path, and the message's type as
// operation. The request that opened a websocket has status 101.
struct SeenRequest {
  std::chrono::steady_clock::time_point at;
  ApiRequest request;
  unsigned status = 0;  // what we answered; 0 for a message
};

class ControlPlane {
 public:
  // Listens on a port that the system chooses. Each request becomes a line of `log`, from the start:
  // {"time_s","method","path","operation","status","body"}. `own_url` is what replies call us by;
  // empty: as the request did.
  // Throws Error(failed) when it cannot listen or write the log.
  ControlPlane(const fs::path& log, std::string own_url);
  ~ControlPlane();  // closes all connections
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  std::uint16_t port() const noexcept;  // the same over stop() and start()

  // Tells the guest to describe itself as it is, without waiting for its agent any longer; `false` takes it back.
  void set_out_of_time(bool out_of_time) noexcept;

  // Whether the guest may end its description (and reboot): `false` while something is to be done from outside.
  void set_finished(bool finished) noexcept;

  // Asks the next agent that connects, or the one that is connected, to run a task. Empty: takes it back.
  void push(std::optional<Task> task);

  // As if the service went away: every connection is cut, nobody listens; and back. What was seen stays.
  // start() throws Error(failed) when the port has been taken.
  void stop();
  void start();

  // All requests so far, in order of arrival. May be called at any time.
  std::vector<SeenRequest> requests() const;

 private:
  struct State;
  HttpHandlers handlers() const;

  std::unique_ptr<State> state_;  // outlives the service, whose handlers refer to it
  std::unique_ptr<HttpService> service_;
  std::uint16_t port_ = 0;
};

}  // namespace compose::boot
