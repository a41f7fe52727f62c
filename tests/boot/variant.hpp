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
  std::vector<std::string> command{program,   "test",  file.string(), "--json", "--workspace",
                                   workspace, "--out", work.string(), "--logs", (work / "logs").string()};
  command.insert(command.end(), options.begin(), options.end());
  const ProcessResult result = run(command);
  UNSCOPED_INFO(result.err);
  UNSCOPED_INFO(result.out);
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

}  // namespace compose::tests
