#pragma once
// Recipes that include the demo and change something, composed and booted by the program itself.

#include <catch2/catch.hpp>

#include "support/program.hpp"

namespace compose::tests {

// Resolves the recipe anew and runs `test` on it. Images and logs go to BUILD/test-NAME, logs into its "logs".
inline nlohmann::json boot_recipe(const std::string& name, const fs::path& file,
                                  const std::vector<std::string>& options) {
  const fs::path work = fs::path(BUILD_DIR) / ("test-" + name);
  const std::string workspace = BUILD_DIR "/test-workspace";
  run_checked({program, "resolve", "--update", file.string(), "--workspace", workspace});
  std::vector<std::string> command{program,     "test",  file.string(), "--json", "--workspace",
                                   workspace,   "--out", work.string(), "--logs", (work / "logs").string(),
                                   "--timeout", "900"};
  command.insert(command.end(), options.begin(), options.end());
  const ProcessResult result = run(command);
  INFO(result.err);
  INFO(result.out);
  const nlohmann::json report = nlohmann::json::parse(result.out, nullptr, false);
  REQUIRE(report.is_object());
  CHECK(result.exit_code == 0);
  CHECK(report.at("passed") == true);
  return report;
}

// Of a recipe that includes the demo, written as BUILD/test-NAME/demo-NAME.toml.
inline nlohmann::json boot_variant(const std::string& name, const std::string& recipe,
                                   const std::vector<std::string>& options) {
  const fs::path file = fs::path(BUILD_DIR) / ("test-" + name) / ("demo-" + name + ".toml");
  fs::create_directories(file.parent_path());
  write_file_atomically(file, "include = [\"" SOURCE_DIR "/recipes/demo.toml\"]\n" + recipe);
  return boot_recipe(name, file, options);
}

inline const nlohmann::json& check_named(const nlohmann::json& boot, const std::string& name) {
  for (const auto& check : boot.at("checks")) {
    if (check.at("name") == name) return check;
  }
  FAIL("no check named " << name << " in " << boot.dump());
  throw std::logic_error("not reached");
}

// All checks of a boot have passed, the agent's registration among them, and none of these was left out.
inline void check_boot(const nlohmann::json& boot, const std::vector<std::string>& names) {
  for (const auto& check : boot.at("checks")) {
    INFO(check.dump());
    CHECK(check.at("passed") == true);
  }
  for (const auto& name : names) check_named(boot, name);
  check_named(boot, "registered");
  CHECK(boot.at("registration").is_object());
  CHECK(boot.at("registered_s").is_number());
}

// What any boot of the demo's agent in a container is looked at for.
inline const std::vector<std::string> demo_checks = {
    "deployment",         "units", "ordering", "datasource",  "agent",      "directories", "read-only", "grown",
    "ordinary-container", "task",  "ports",    "assertion-1", "assertion-5"};

}  // namespace compose::tests
