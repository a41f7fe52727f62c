#include "agent/checks.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include <fmt/format.h>

#include "recipe/diagnostics.hpp"

namespace compose::agent {
namespace {

using recipe::quoted;

bool is_plain(char c, std::string_view punctuation) {
  const bool digit = c >= '0' && c <= '9';
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return digit || letter || punctuation.find(c) != std::string_view::npos;
}

bool consists_of(std::string_view value, std::string_view punctuation) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [&](char c) { return is_plain(c, punctuation); });
}

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
  if (consists_of(value, "._-") && is_plain(value.front(), "_")) return std::nullopt;
  return fmt::format("{} is not a name: use letters, digits, '.', '_' and '-', beginning with a letter or a digit",
                     quoted(value));
}

std::uint32_t mode_of(const std::string& value) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), mode, 8);
  return error == std::errc() && end == value.data() + value.size() && mode <= 07777 ? mode : 0;
}

Problem problem_with_mode(std::string_view value) {
  if (value.size() == 4 && value.front() <= '7' && mode_of(std::string(value)) != 0) return std::nullopt;
  return fmt::format("{} is not a mode: use four octal digits, such as \"0755\"", quoted(value));
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

Problem problem_with_unit(std::string_view value) {
  const auto dot = value.rfind('.');
  if (dot != std::string_view::npos && dot > 0 && dot + 1 < value.size() && consists_of(value, ":-_.@")) {
    return std::nullopt;
  }
  return fmt::format("{} is not a unit's name, such as \"docker.socket\"", quoted(value));
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
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::none_of(value.begin(), value.end(), is_control) && value.find('=') == std::string_view::npos)
    return std::nullopt;
  return fmt::format("{} must be one line of text without '='", quoted(value));
}

Problem problem_with_file_name(std::string_view value) {
  constexpr std::string_view shared = "../common/";
  const std::string_view name = value.starts_with(shared) ? value.substr(shared.size()) : value;
  if (!name.starts_with('.') && consists_of(name, "._-@")) return std::nullopt;
  return fmt::format("{} is not the name of a file in the profile's folder or in ../common", quoted(value));
}

Problem problem_with_propagation(std::string_view value) {
  if (value == "rslave" || value == "rshared") return std::nullopt;
  return fmt::format(
      "{} is not a way to pass mounts on: write \"rslave\" (the container sees the host's), \"rshared\" (and the host "
      "the container's), or leave it out",
      quoted(value));
}

}  // namespace compose::agent
