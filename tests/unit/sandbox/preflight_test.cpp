#include "sandbox/preflight.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/sandbox_fixture.hpp"

using namespace compose;
using namespace compose::tests;
using Catch::Contains;

TEST_CASE("What this machine can do is tried, and nothing is left behind") {
  const TemporaryDirectory scratch(fs::temp_directory_path(), "scratch-");
  const auto can = sandbox::preflight(scratch.path());
  CHECK(fs::is_empty(scratch.path()));
  if (::geteuid() == 0) CHECK(can.ids == sandbox::Ids::all);
  for (const auto& note : can.notes) CHECK_THAT(note, Contains("scripts cannot give") || Contains("overlayfs"));
}

TEST_CASE("Where overlayfs refuses the folder, the tree is copied") {
  if (::geteuid() != 0) return;
  const ProgramTree tree({"bash"});
  // An overlay as the upper layer of another one: what a container's own file system is.
  const TemporaryDirectory folder(fs::temp_directory_path(), "nested-");
  for (const char* name : {"l", "u", "w", "m"}) fs::create_directory(folder.path() / name);
  const std::string driver = (fs::path(BUILD_DIR) / "tests/sandbox-run").string();
  const std::string mount =
      "cd \"$0\" && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m && mkdir m/s && ";
  const auto run_in = [&](const std::string& isolation) {
    return run({"unshare", "--mount", "sh", "-c", mount + "exec \"$@\"", folder.path().string(), driver,
                tree.path().string(), (folder.path() / "m/s").string(), isolation, "10", "100", "64",
                "echo x >/usr/share/x"});
  };
  const auto forced = run_in("overlay");
  if (forced.exit_code != 77) return;  // this kernel can
  CHECK_THAT(forced.err, Contains("overlayfs does not work here, the tree is copied: "));
  CHECK(run({"rm", "-rf", (folder.path() / "u/s").string()}).exit_code == 0);
  CHECK_THAT(run_in("auto").out, Contains("exit 0\nfile /usr/share/x 0644"));
}

TEST_CASE("Without user namespaces the error says what to change") {
  if (::geteuid() != 0) return;
  const ProgramTree tree({"bash"});
  const TemporaryDirectory folder(fs::temp_directory_path(), "none-");
  fs::permissions(folder.path(), fs::perms(0777));
  fs::copy_file(fs::path(BUILD_DIR) / "tests/sandbox-run", folder.path() / "sandbox-run");
  fs::create_directory(folder.path() / "s");
  fs::permissions(folder.path() / "s", fs::perms(0777));
  // In a user namespace of its own, whose limit it may set.
  const auto result =
      run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "--user", "--map-root-user", "sh",
           "-c",
           "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "
           "\"$@\"",
           "sh", (folder.path() / "sandbox-run").string(), tree.path().string(), (folder.path() / "s").string(), "auto",
           "5", "100", "64", "true"});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err, Contains("error: a sandbox cannot be started: making namespaces: No space left on device"));
  CHECK_THAT(result.err, Contains("hint: unprivileged user namespaces are off or used up"));
}
