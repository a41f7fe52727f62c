#include <fmt/format.h>

#include "recipe/checks.hpp"
#include "recipe/nearest.hpp"
#include "recipe/sections.hpp"

namespace compose::recipe {
namespace {

// A bare name is a folder of agent-layer/, which stands beside the recipe's folder; anything with a slash is a path.
fs::path read_profile(Table& table, const FileAccess& files) {
  const std::string value =
      table.required_string("profile", "the agent's profile, such as \"ecs\" for agent-layer/ecs");
  if (value.empty()) return {};
  const bool bare = value.find('/') == std::string::npos;
  const fs::path path = table.resolve("profile", bare ? fs::path("../agent-layer") / value : fs::path(value));
  if (!files.is_file(path / "agent.toml")) {
    const auto meant = bare ? nearest(value, files.list(path.parent_path())) : std::nullopt;
    table.error("profile", fmt::format("no such agent profile: {}{} looked for {}", quoted(value),
                                       meant ? fmt::format("; did you mean '{}'?", *meant) : ";",
                                       quoted((path / "agent.toml").string())));
  }
  return absolute(path, files);
}

Problem problem_with_layering(std::string_view value) {
  if (value == "container" || value == "rpm") return std::nullopt;
  return fmt::format(
      "{} is not a way to layer an agent: write as = \"container\", or leave it out; or as = \"rpm\" for the package "
      "of "
      "its profile",
      quoted(value));
}

AgentForm read_form(Table& table) {
  const bool rpm = table.string("as", problem_with_layering) == "rpm";
  for (const char* key : {"image", "runtime"}) {
    if (rpm && table.has(key)) {
      table.error(key, fmt::format("'{}' has no meaning with as = \"rpm\": the agent runs from its package, without a "
                                   "container; remove one of the two",
                                   key));
    }
  }
  return rpm ? AgentForm::rpm : AgentForm::container;
}

void read_image(Table& table, const FileAccess& files, Agent& agent) {
  ImagePath path;
  const auto check = [&path](std::string_view value) { return problem_with_image(value, path); };
  agent.image_as_written = agent.image = table.string("image", check);
  if (!agent.image || path.end == 0) return;
  const std::string& text = *agent.image_as_written;
  const fs::path file = absolute(table.resolve("image", text.substr(path.begin, path.end - path.begin)), files);
  agent.image = text.substr(0, path.begin) + file.string() + text.substr(path.end);
}

std::optional<std::string> read_package(Table& table, AgentForm form) {
  const auto package = table.string("package", problem_with_package_name);
  if (package && form != AgentForm::rpm) {
    table.error("package", "'package' has no meaning for an agent in a container: add as = \"rpm\", or remove it");
  }
  return package;
}

std::map<std::string, std::string> read_variables(Table table) {
  std::map<std::string, std::string> variables;
  for (const std::string& name : table.keys()) {
    const auto check = [&name](std::string_view value) { return problem_with_variable(name, value); };
    if (std::optional<std::string> value = table.string(name, check)) variables[name] = *value;
  }
  return variables;
}

std::map<std::string, Choice> read_options(Table table) {
  std::map<std::string, Choice> options;
  for (const std::string& name : table.keys()) {
    if (const auto value = table.boolean(name)) options[name] = {*value, table.place_of(name)};
  }
  return options;
}

}  // namespace

Agent read_agent(Table table, const FileAccess& files) {
  Agent agent;
  agent.profile = read_profile(table, files);
  agent.form = read_form(table);
  agent.cluster = table.string("cluster", problem_with_cluster);
  read_image(table, files, agent);
  agent.package = read_package(table, agent.form);
  if (agent.form == AgentForm::rpm) agent.package_place = table.place_of(agent.package ? "package" : "as");
  if (const std::optional<Table> environment = table.table("environment")) {
    agent.environment = read_variables(*environment);
  }
  agent.runtime = table.string("runtime", problem_with_runtime);
  if (const std::optional<Table> options = table.table("options")) agent.options = read_options(*options);
  table.finish();
  return agent;
}

}  // namespace compose::recipe
