#include <algorithm>

#include <fmt/format.h>

#include "boot/boot_test.hpp"
#include "boot/seed.hpp"
#include "support/error.hpp"

namespace compose::boot {
namespace {

std::string quoted(const std::string& text) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control))
    throw Error(ErrorKind::input, fmt::format("boot test: '{}' has a control character", text));
  return shell_quoted(text);
}

}  // namespace

Assertion unit_is_active(const std::string& unit) {
  return {fmt::format("unit {} is active", unit), fmt::format("systemctl is-active -- {}", quoted(unit))};
}

// From the kernel's own tables (proc(5)): a minimal host may have no program to ask. 0A is LISTEN, 07 an open UDP port.
Assertion port_is_open(const std::string& protocol, std::uint16_t port) {
  const char* state = protocol == "udp" ? "07" : "0A";
  return {fmt::format("{} port {} is open", protocol, port),
          fmt::format("grep -qE '^ *[0-9]+: [0-9A-F]+:{:04X} [0-9A-F]+:0000 {} ' /proc/net/{} /proc/net/{}6 || "
                      "{{ echo nobody listens on it; false; }}",
                      port, state, quoted(protocol), quoted(protocol))};
}

Assertion file_is_there(const std::string& path, std::optional<unsigned> mode,
                        const std::optional<std::string>& owner) {
  std::string description = path + " is there";
  std::string command = fmt::format("found=$(stat -c '%a %U:%G' -- {} 2>&1)", quoted(path));
  if (mode) {
    description += fmt::format(", mode {:04o}", *mode);
    command += fmt::format(" && [[ $found == '{:o} '* ]]", *mode);
  }
  if (owner) {
    description += ", owner " + *owner;
    command += fmt::format(" && [[ $found == *' '{} ]]", quoted(*owner));
  }
  return {description, command + " || { echo \"$found\"; false; }"};
}

Assertion command_succeeds(const std::string& command) {
  (void)quoted(command);
  return {fmt::format("`{}` succeeds", command), command};
}

}  // namespace compose::boot
