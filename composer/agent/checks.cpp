#include "agent/checks.hpp"

#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>

#include "recipe/checks.hpp"
#include "recipe/diagnostics.hpp"

namespace compose::agent {
namespace {

using recipe::consists_of;
using recipe::quoted;

// Absolute, without empty parts, "." and "..", and only of characters that mean nothing to tmpfiles.d, units or shells.
bool is_clean_path(std::string_view value) {
  if (!value.starts_with('/') || !consists_of(value, "/._-@+:")) return false;
  const std::string closed = std::string(value) + "/";
  return closed.find("//") == std::string::npos && closed.find("/./") == std::string::npos &&
         closed.find("/../") == std::string::npos;
}

Problem problem_with_path_below(std::string_view value, std::initializer_list<std::string_view> roots,
                                std::string_view expected) {
  const bool below =
      std::any_of(roots.begin(), roots.end(), [&](std::string_view root) { return value.starts_with(root); });
  if (below && is_clean_path(value)) return std::nullopt;
  return fmt::format("{} is not a path of the host here: use one {}, of letters, digits and '._-@+:', without '..'",
                     quoted(value), expected);
}

}  // namespace

Problem problem_with_word(std::string_view value) {
  if (consists_of(value, "._-") && consists_of(value.substr(0, 1), "_")) return std::nullopt;
  return fmt::format("{} is not a name: use letters, digits, '.', '_' and '-', beginning with a letter or a digit",
                     quoted(value));
}

Problem problem_with_shipped_path(std::string_view value) {
  return problem_with_path_below(value, {"/usr/", "/etc/"}, "below /usr or /etc");
}

Problem problem_with_directory_path(std::string_view value) {
  return problem_with_path_below(value, {"/etc/", "/var/", "/run/"}, "below /etc, /var or /run");
}

Problem problem_with_host_path(std::string_view value) {
  if (value == "/") return std::nullopt;
  return problem_with_path_below(value, {"/"}, "that begins with '/'");
}

Problem problem_with_sysctl(std::string_view value) {
  if (value.find('.') != std::string_view::npos && consists_of(value, "._-/")) return std::nullopt;
  return fmt::format("{} is not a kernel setting, such as \"net.ipv4.ip_forward\"", quoted(value));
}

Problem problem_with_argument(std::string_view value) {
  if (consists_of(value, "-_=:/.,@+")) return std::nullopt;
  return fmt::format("{} is not an argument a unit can hold as it is: use letters, digits and '-_=:/.,@+'",
                     quoted(value));
}

Problem problem_with_text(std::string_view value) {
  if (!recipe::has_control_characters(value) && value.find('=') == std::string_view::npos) return std::nullopt;
  return fmt::format("{} must be one line of text without '='", quoted(value));
}

Problem problem_with_file_name(std::string_view value) {
  constexpr std::string_view shared = "../common/";
  const std::string_view name = value.starts_with(shared) ? value.substr(shared.size()) : value;
  if (!name.starts_with('.') && consists_of(name, "._-@")) return std::nullopt;
  return fmt::format("{} is not the name of a file in the profile's folder or in ../common", quoted(value));
}

Problem problem_with_form(std::string_view value) {
  if (value == "container" || value == "rpm") return std::nullopt;
  return fmt::format("{} is not a way to layer an agent: write \"container\" or \"rpm\", or leave it out for both",
                     quoted(value));
}

Problem problem_with_propagation(std::string_view value) {
  if (value == "rslave" || value == "rshared") return std::nullopt;
  return fmt::format(
      "{} is not a way to pass mounts on: write \"rslave\" (the container sees the host's), \"rshared\" (and the host "
      "the container's), or leave it out",
      quoted(value));
}

}  // namespace compose::agent
