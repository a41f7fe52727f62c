// /var/lib/alternatives in a sandbox: the one place of /var that a commit keeps.

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/sandbox_fixture.hpp"

using namespace compose;
using namespace compose::tests;
using Catch::Contains;

namespace {

struct Tree : ProgramTree {
  Tree() : ProgramTree({"bash", "cat", "ln", "mv", "rm"}) {
    for (const char* name : {"usr/lib/alternatives", "usr/etc/alternatives"}) fs::create_directories(path() / name);
    write("usr/lib/alternatives/old", "old\n");
  }
};

}  // namespace

TEST_CASE("What scripts write to /var/lib/alternatives is in the tree's /usr/lib/alternatives") {
  const Tree tree;
  for (const bool as_nobody : users()) {
    for (const std::string isolation : {"auto", "copy"}) {
      INFO("as nobody: " << as_nobody << ", " << isolation);
      CHECK(run_sandboxed(tree.path(), as_nobody,
                          {"cat /var/lib/alternatives/old; echo a >/var/lib/alternatives/x.new; "
                           "mv /var/lib/alternatives/x.new /var/lib/alternatives/x; rm /var/lib/alternatives/old; "
                           "ln -s /usr/bin/cat /etc/alternatives/x; ln -s /etc/alternatives/x /usr/bin/y",
                           "/usr/bin/y /var/lib/alternatives/x /usr/lib/alternatives/x; (echo >/var/lib/x) 2>&-"},
                          {isolation}) == fmt::format("exit 0\nold\n"
                                                      "exit 1\na\na\n"
                                                      "symlink /usr/bin/y 0777 -> /etc/alternatives/x\n"
                                                      "symlink /usr/etc/alternatives/x 0777 -> /usr/bin/cat\n"
                                                      "removed /usr/lib/alternatives/old existed\n"
                                                      "file /usr/lib/alternatives/x 0644 {:.8}\n",
                                                      sha256_hex("a\n")));
    }
  }
}

TEST_CASE("A link that a script puts in the place of /usr/lib/alternatives leads nowhere on this machine") {
  const Tree tree;
  for (const bool as_nobody : users()) {
    const TemporaryDirectory machine(fs::temp_directory_path(), "machine-");
    fs::permissions(machine.path(), fs::perms(0777));
    const std::string said = run_sandboxed(
        tree.path(), as_nobody,
        {fmt::format("rm -r /usr/lib/alternatives; ln -s {} /usr/lib/alternatives", machine.path().string()),
         "echo x >/var/lib/alternatives/x"});
    CHECK_THAT(said, Contains("error: a sandbox cannot be started: opening the tree's /usr/lib/alternatives"));
    CHECK(fs::is_empty(machine.path()));
  }
}
