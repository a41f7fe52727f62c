
#include <fmt/format.h>

#include "recipe/checks.hpp"
#include "recipe/sections.hpp"
#include "support/number.hpp"

namespace compose::recipe {
namespace {

std::optional<TestPort> port_of(std::string_view value) {
  const auto slash = value.find('/');
  TestPort port{slash == std::string_view::npos ? "tcp" : std::string(value.substr(0, slash)), 0};
  port.number =
      parse_number<std::uint16_t>(slash == std::string_view::npos ? value : value.substr(slash + 1)).value_or(0);
  if (port.number == 0 || (port.protocol != "tcp" && port.protocol != "udp")) return std::nullopt;
  return port;
}

Problem problem_with_port(std::string_view value) {
  if (port_of(value)) return std::nullopt;
  return fmt::format("{} is not a port: write \"22\", \"tcp/22\" or \"udp/53\", from 1 to 65535", quoted(value));
}

Problem problem_with_path(std::string_view value) {
  if (value.starts_with('/') && !has_control_characters(value)) return std::nullopt;
  return fmt::format("{} is not a path in the host: it starts with '/'", quoted(value));
}

Problem problem_with_owner(std::string_view value) {
  const auto colon = value.find(':');
  const bool is_owner = colon != std::string_view::npos && colon > 0 && colon + 1 < value.size() &&
                        value.find(':', colon + 1) == std::string_view::npos &&
                        value.find(' ') == std::string_view::npos && !has_control_characters(value);
  if (is_owner) return std::nullopt;
  return fmt::format("{} is not USER:GROUP, such as \"root:root\"", quoted(value));
}

Problem problem_with_command(std::string_view value) {
  if (!has_control_characters(value)) return std::nullopt;
  return "the command has more than one line or a control character: join its lines with ';' or '&&'";
}

TestFile read_file_assertion(Table table) {
  TestFile file;
  file.path = table.required_string("path", "the file that has to be there", problem_with_path);
  if (const auto mode = table.string("mode", problem_with_mode)) file.mode = mode_of(*mode);
  file.owner = table.string("owner", problem_with_owner);
  table.finish();
  return file;
}

std::string read_command(Table table) {
  std::string command =
      table.required_string("run", "a command that has to succeed, for the host's bash", problem_with_command);
  table.finish();
  return command;
}

template <typename Number>
void read_number(Table& table, const std::string& key, std::int64_t least, std::int64_t most, Number& number) {
  const std::optional<std::int64_t> value = table.integer(key);
  if (!value) return;
  if (*value < least || *value > most) {
    table.error(key, fmt::format("{} is not between {} and {}", *value, least, most));
    return;
  }
  number = static_cast<Number>(*value);
}

TestTask read_task(Table table) {
  TestTask task;
  task.image = table.string("image", problem_with_command);
  task.command = table.strings("command", problem_with_command);
  read_number(table, "container-port", 1, 65535, task.container_port);
  read_number(table, "host-port", 1, 65535, task.host_port);
  read_number(table, "cpu", 2, 192 << 10, task.cpu_units);
  read_number(table, "memory", 6, 1 << 20, task.memory_mib);
  table.finish();
  return task;
}

}  // namespace

Test read_test(Table table) {
  Test test;
  test.units = table.strings("units", problem_with_unit);
  for (const std::string& port : table.strings("ports", problem_with_port)) {
    if (const auto number = port_of(port)) test.ports.push_back(*number);
  }
  for (const Table& file : table.tables("file")) test.files.push_back(read_file_assertion(file));
  for (const Table& command : table.tables("command")) test.commands.push_back(read_command(command));
  if (auto task = table.table("task")) test.task = read_task(*task);
  table.finish();
  return test;
}

}  // namespace compose::recipe
