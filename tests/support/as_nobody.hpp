#pragma once
// A build as it would be somebody else's, somewhere else.

#include "support/program.hpp"

namespace compose::tests {

// Builds the recipe's commit in an empty workspace below `folder`: without privileges, with another umask, time zone
// and language. As nobody when the tests run as root. What the build reports.
inline nlohmann::json build_as_nobody(const fs::path& recipe, const fs::path& folder) {
  const TemporaryDirectory elsewhere(folder, "a-longer-name-elsewhere-");
  fs::permissions(elsewhere.path(), fs::perms(0777));
  std::vector<std::string> command{"sh", "-c", "umask 077; exec \"$@\"", "sh"};
  if (::geteuid() == 0) {
    for (const char* word : {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
                             "--bounding-set=-all", "--inh-caps=-all"})
      command.emplace_back(word);
  }
  for (const std::string& word :
       {program, std::string("build"), recipe.string(), std::string("--json"), std::string("--to"),
        std::string("commit"), std::string("--workspace"), (elsewhere.path() / "w").string()})
    command.push_back(word);
  const ProcessResult result = run(command, {{{"TEST_KEY", test_key},
                                              {"TZ", "Pacific/Kiritimati"},
                                              {"LANG", "tr_TR.UTF-8"},
                                              {"SOURCE_DATE_EPOCH", "1"},
                                              {"HOME", "/nonexistent"}},
                                             elsewhere.path(),
                                             {}});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return nlohmann::json::parse(result.out);
}

}  // namespace compose::tests
