#pragma once
// What the stand-in control plane answers, as a pure function: ECS's JSON 1.1 protocol as far as an agent calls it,
// and a page for an ordinary container to call.

#include <string>
#include <string_view>

#include "boot/http_message.hpp"

namespace compose::boot {

struct ApiRequest {
  std::string method;
  std::string path;       // the request target
  std::string operation;  // the X-Amz-Target header
  std::string body;
};

// What replies depend on beside the request.
struct ApiContext {
  std::string own_url;         // how the guest reaches us
  unsigned registrations = 0;  // so far
  bool out_of_time = false;    // the guest should report what it is and wait for nothing
  bool finished = true;        // nothing is left to be done from outside the guest
};

// The operation's name without its service ("RegisterContainerInstance"); empty when it is none of the ECS service's.
std::string_view operation_name(std::string_view amz_target);

// The operations that the ECS agent calls (amazon-ecs-agent, ecs-agent/api/ecs/client/ecs_client.go), as the real
// service answers them: RegisterContainerInstance echoes all attributes (the real agent ends with exit code 5 when one
// is missing), DiscoverPollEndpoint leads to acs_path and tcs_path. Bad JSON, a wrong shape or an unknown operation get
// a JSON 1.1 error, 400. POST or GET below /probe is 200 "ok"; guest_path gets "REGISTRATIONS wait|report stay|go"; all
// else is 404.
HttpReply answer(const ApiRequest& request, const ApiContext& context);

// Asked by the guest's own script every few seconds: of no interest in a log.
inline constexpr std::string_view guest_path = "/guest";

// Where the agent's websockets are; the agent adds a query.
inline constexpr std::string_view acs_path = "/acs/ws";  // the agent communication service: tasks
inline constexpr std::string_view tcs_path = "/tcs/ws";  // the telemetry service: metrics and health

bool is_registration(const ApiRequest& request);

}  // namespace compose::boot
