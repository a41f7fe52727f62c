#pragma once
// What the stand-in control plane answers, as a pure function: ECS's JSON 1.1 protocol as far as an agent needs it to
// register, and a page for an ordinary container to call.

#include <string>
#include <string_view>

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
};

struct ApiReply {
  unsigned status = 200;
  std::string content_type = "application/x-amz-json-1.1";
  std::string body;
};

// The operation's name without its service ("RegisterContainerInstance"); empty when it is none of the ECS service's.
std::string_view operation_name(std::string_view amz_target);

// RegisterContainerInstance is answered as the real service does: the reply echoes all attributes (the real agent ends
// with exit code 5 when one is missing). Bad JSON, a wrong shape or an unknown operation get a JSON 1.1 error, 400.
// POST or GET below /probe is 200 "ok"; guest_path gets "REGISTRATIONS wait|report"; all else is 404.
ApiReply answer(const ApiRequest& request, const ApiContext& context);

// Asked by the guest's own script every few seconds: of no interest in a log.
inline constexpr std::string_view guest_path = "/guest";

bool is_registration(const ApiRequest& request);

}  // namespace compose::boot
