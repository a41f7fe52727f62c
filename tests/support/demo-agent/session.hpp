#pragma once
// The agent's connections with the service: websockets that bring tasks (ACS) and take telemetry (TCS).

#include <functional>
#include <string>

#include "agent.hpp"

namespace demo {

// Connects, with growing pauses between tries, and again whenever the connection was lost, after calling `lost`. Runs
// each task that comes in a thread of its own. Does not return.
[[noreturn]] void keep_acs_session(const Settings& settings, const std::string& instance,
                                   const std::function<void()>& lost);

[[noreturn]] void keep_tcs_session(const Settings& settings, const std::string& instance);

}  // namespace demo
