#pragma once
// What all parts of the agent share: its settings, its log, and calls of ECS's API.

#include <optional>
#include <string>

#include "http.hpp"

namespace demo {

inline constexpr int kRestart = 1;   // exit codes, as the real agent's: worth another start,
inline constexpr int kTerminal = 5;  // trying again is no use

struct Settings {
  std::string cluster;
  std::string region;
  std::string data;
  std::string log;
  std::string docker_socket;
  Url backend;
  unsigned short introspection_port = 51678;
  unsigned short credentials_port = 51679;
};

// From the environment, as the real agent's. Ends the program where they cannot be used.
Settings read_settings();

// May be called from several threads.
void say(const Settings& settings, const std::string& text);
[[noreturn]] void give_up(const Settings& settings, const std::string& text, int code);

std::optional<Reply> call(const Settings& settings, const std::string& operation, const std::string& body,
                          std::string& problem);

// Calls until the service answers with anything but an error of its own; pauses grow up to 15 s.
Reply call_until_answered(const Settings& settings, const std::string& operation, const std::string& body,
                          const std::string& complaint);

std::string read_file(const std::string& path);

}  // namespace demo
