#include "sandbox/sandbox.hpp"

#include <csignal>
#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/sandbox_fixture.hpp"

using namespace compose;
using namespace compose::tests;
using Catch::Contains;
using Catch::EndsWith;

namespace {

struct Tree : ProgramTree {
  Tree()
      : ProgramTree({"bash", "cat", "ls", "mkdir", "rm", "mv", "ln", "chmod", "chown", "mknod", "sleep", "env", "touch",
                     "setsid", "head", "dd", "mkfifo"}) {
    write("usr/share/kept/a", "a");
    write("usr/share/kept/b", "b");
    write("usr/share/other", "other");
  }
};

const ProgramTree& tree() {
  static const Tree tree;
  return tree;
}

// The same for everybody, with an overlay and with a copy.
void check_everywhere(const std::vector<std::string>& scripts, const std::string& expected) {
  for (const bool as_nobody : users()) {
    for (const std::string isolation : {"auto", "copy"}) {
      INFO("as nobody: " << as_nobody << ", " << isolation);
      CHECK(run_sandboxed(tree().path(), as_nobody, scripts, {isolation}) == expected);
    }
  }
}

std::string digest(const std::string& content) { return sha256_hex(content).substr(0, 8); }

}  // namespace

TEST_CASE("What scripts change is listed, and later scripts see it") {
  check_everywhere({"echo new >/usr/share/new; ln -s new /usr/share/link; rm /usr/share/kept/b; "
                    "chmod 4750 /usr/share/other; mkdir -m 0700 /usr/share/folder; echo x:x >>/etc/passwd",
                    "cat /usr/share/new; ls /usr/share/kept"},
                   fmt::format("exit 0\nexit 0\nnew\na\n"
                               "file /usr/etc/passwd 0644 existed {}\n"
                               "directory /usr/share/folder 0700\n"
                               "removed /usr/share/kept/b existed\n"
                               "symlink /usr/share/link 0777 -> new\n"
                               "file /usr/share/new 0644 {}\n"
                               "file /usr/share/other 4750 existed mode-changed {}\n",
                               digest("root:x:0:0:root:/root:/bin/sh\nx:x\n"), digest("new\n"), digest("other")));
}

TEST_CASE("A folder that is made anew loses what it had, and one that becomes something else is told so") {
  check_everywhere({"rm -r /usr/share/kept; mkdir /usr/share/kept; echo c >/usr/share/kept/c; rm /usr/share/other; "
                    "mkdir /usr/share/other; rm -r /usr/share/rpm 2>&1 | head -n0"},
                   fmt::format("exit 0\n"
                               "removed /usr/share/kept/a existed\n"
                               "removed /usr/share/kept/b existed\n"
                               "file /usr/share/kept/c 0644 {}\n"
                               "directory /usr/share/other 0755 existed other-kind\n",
                               digest("c\n")));
}

TEST_CASE("What nobody may read is listed with its content, and a pipe is told") {
  check_everywhere({"echo secret >/usr/share/secret; mkdir /usr/share/closed; echo in >/usr/share/closed/in; "
                    "chmod 0 /usr/share/secret /usr/share/closed; mkfifo -m 0600 /usr/share/pipe"},
                   fmt::format("exit 0\n"
                               "directory /usr/share/closed 0000\n"
                               "file /usr/share/closed/in 0644 {}\n"
                               "special /usr/share/pipe 0600\n"
                               "file /usr/share/secret 0000 {}\n",
                               digest("in\n"), digest("secret\n")));
}

TEST_CASE("The folder below stays as it was, whatever a script does") {
  const std::string hostile =
      "echo x >>/usr/bin/cat; dd if=/dev/zero of=/usr/bin/ls bs=1 count=9 conv=notrunc 2>/dev/null; rm -rf /usr/share "
      "/etc/*; "
      "chmod -R 0777 /usr/lib; chown -R 0:0 /usr/lib";
  for (const std::string isolation : {"auto", "copy"}) {
    const ProgramTree& before = tree();
    const std::string listing = run_checked({"sh", "-c",
                                             "cd \"$0\" && find . -printf '%p %m %U %s %C@\\n' | sort | sha256sum; "
                                             "find . -type f | sort | xargs sha256sum",
                                             before.path().string()});
    const TemporaryDirectory scratch(fs::temp_directory_path(), "scratch-");
    sandbox::Capabilities can = sandbox::preflight(scratch.path());
    if (isolation == "copy") can.isolation = sandbox::Isolation::copy;
    sandbox::Sandbox sandbox(before.path(), scratch.path(), {}, can);
    CHECK(sandbox.run({"hostile", {"/usr/bin/bash"}, hostile, {}, {}, {}, {}}, 0).exit_code == 0);
    CHECK(sandbox.changes().size() > 5);
    CHECK(run_checked({"sh", "-c",
                       "cd \"$0\" && find . -printf '%p %m %U %s %C@\\n' | sort | sha256sum; "
                       "find . -type f | sort | xargs sha256sum",
                       before.path().string()}) == listing);
  }
}

TEST_CASE("/var, the root folder and the machine's settings cannot be written, and the rpm database is hidden") {
  check_everywhere({"touch /var/x; touch /var/lib/x; touch /x; echo x >/proc/sys/kernel/core_pattern; "
                    "for f in /var/tmp /tmp /run; do echo $f >$f/x && cat $f/x; done; ls /usr/share/rpm; "
                    "touch /usr/share/rpm/x; exit 3"},
                   "exit 3\n"
                   "touch: cannot touch '/var/x': Read-only file system\n"
                   "touch: cannot touch '/var/lib/x': Read-only file system\n"
                   "touch: cannot touch '/x': Read-only file system\n"
                   "/run/script: line 1: /proc/sys/kernel/core_pattern: Read-only file system\n"
                   "/var/tmp\n/tmp\n/run\n"
                   "touch: cannot touch '/usr/share/rpm/x': Read-only file system\n");
}

TEST_CASE("A script sees nothing of this machine: no environment, no files, no network, no processes, no devices") {
  ::setenv("SECRET_OF_THE_HOST", "secret", 1);
  check_everywhere(
      {"env | while IFS= read -r line; do case $line in SHLVL*|_=*) ;; *) echo $line ;; esac; done; "
       "ls -d /home /srv/* /root/* /tmp/* 2>/dev/null; while read -r a b; do case $a in *:) echo $a ;; esac; done "
       "</proc/net/dev; for p in /proc/[0-9]*; do [ -e $p/exe ] && echo process; done; "
       "mknod /usr/sda b 8 0; ls /dev; ls /proc/self/fd"},
      "exit 0\n"
      "PWD=/\nSOURCE_DATE_EPOCH=1700000000\nLANG=C.UTF-8\nSYSTEMD_OFFLINE=1\nPATH=/usr/sbin:/usr/bin\n"
      "/home\nlo:\nprocess\nprocess\n"
      "mknod: /usr/sda: Operation not permitted\n"
      "core\nfd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
      "0\n1\n2\n3\n");
}

TEST_CASE("A fork bomb is ended, with all that it made", "[alone]") {
  for (const bool as_nobody : users()) {
    // What the shell says of forks that were refused meanwhile may follow.
    CHECK_THAT(run_sandboxed(tree().path(), as_nobody, {":(){ :|:& };:\nsleep 1000"}),
               Catch::StartsWith("exit 137, stopped: more than 200 processes at once\n"));
    SandboxRun few;
    few.processes = 40;
    CHECK_THAT(run_sandboxed(tree().path(), as_nobody,
                             {"while :; do setsid -f sleep 1000 </dev/null >/dev/null 2>&1; done"}, few),
               Catch::StartsWith("exit 137, stopped: more than 40 processes at once\n"));
  }
}

TEST_CASE("A script that does not end is ended") {
  for (const bool as_nobody : users()) {
    SandboxRun how;
    how.seconds = 1;
    CHECK(run_sandboxed(tree().path(), as_nobody, {"trap '' TERM INT; echo begin; while :; do :; done"}, how) ==
          "exit 137, stopped: longer than 1 s\nbegin\n");
  }
}

TEST_CASE("A script that fills the disk is ended, whatever it does with its files") {
  for (const bool as_nobody : users()) {
    SandboxRun how;
    how.written_mib = 64;
    CHECK_THAT(run_sandboxed(
                   tree().path(), as_nobody,
                   {"for i in {1..1000}; do dd if=/dev/zero of=/usr/share/$i bs=1M count=16; done 2>/dev/null"}, how),
               Catch::StartsWith("exit 137, stopped: more than 64 MiB written\n"));
    CHECK_THAT(
        run_sandboxed(tree().path(), as_nobody,
                      {"exec 3>/usr/share/x; rm /usr/share/x; dd if=/dev/zero bs=1M count=20000 2>/dev/null >&3"}, how),
        Catch::StartsWith("exit 137, stopped: more than 64 MiB written\n"));
  }
}

TEST_CASE("What a script leaves running ends with it, and its kill of everything reaches only its own") {
  SandboxRun how;
  how.seconds = 15;
  for (const bool as_nobody : users()) {
    CHECK(
        run_sandboxed(
            tree().path(), as_nobody,
            {"(while :; do echo x; sleep 0.01; done) >/usr/share/log & sleep 1000 & "
             "until [ -s /usr/share/log ]; do :; done; echo left",
             "read a </usr/share/log; echo $a; a=$(cat /usr/share/log); sleep 0.3; [ \"$a\" = \"$(cat "
             "/usr/share/log)\" ] && "
             "echo still; setsid -f sleep 1000 </dev/null >/dev/null 2>&1; kill -9 -1; echo alive; rm /usr/share/log"},
            how) == "exit 0\nleft\nexit 0\nx\nstill\nalive\n");
  }
}

TEST_CASE("A link that a script puts in the place of /usr/etc leads nowhere on this machine") {
  for (const bool as_nobody : users()) {
    const std::string said =
        run_sandboxed(tree().path(), as_nobody,
                      {"mv /usr/etc /usr/etc2 2>/dev/null; rm -rf /usr/etc; ln -s / /usr/etc", "echo x >/etc/x"});
    CHECK_THAT(said, Contains("error: a sandbox cannot be started: opening the tree's /usr and /usr/etc"));
  }
}

TEST_CASE("A file cannot grow without end, and output is kept from its end") {
  const TemporaryDirectory scratch(fs::temp_directory_path(), "scratch-");
  sandbox::Limits limits;
  limits.file_bytes = 1U << 20U;
  sandbox::Sandbox sandbox(tree().path(), scratch.path(), limits);
  const auto outcome =
      sandbox.run({"grow",
                   {"/usr/bin/bash"},
                   "dd if=/dev/zero of=/usr/share/big bs=64k count=100 2>/dev/null; ls -s /usr/share/big >/dev/null; "
                   "for i in {1..20000}; do echo line $i; done",
                   {},
                   {},
                   {},
                   {}},
                  0);
  CHECK(outcome.output.size() <= 64U << 10U);
  CHECK_THAT(outcome.output, EndsWith("line 20000\n"));
  const auto changes = sandbox.changes();
  REQUIRE(changes.size() == 1);
  CHECK(fs::file_size(changes[0].content) == 1U << 20U);
}

TEST_CASE("Input, arguments, environment and more folders reach the program") {
  const TemporaryDirectory scratch(fs::temp_directory_path(), "scratch-");
  const TemporaryDirectory outside(fs::temp_directory_path(), "outside-");
  sandbox::Sandbox sandbox(tree().path(), scratch.path());
  sandbox::Command command;
  command.name = "test";
  command.arguments = {"/usr/bin/bash", "-e"};
  command.script =
      "while read -r line; do echo \"[$line]\"; done; echo \"$1 $2 $MORE\"; echo out >/run/out/file; "
      "echo in >/usr/share/rpm/file";
  command.script_arguments = {"1", "two words"};
  command.input = "first\nsecond line\n";
  command.environment = {{"MORE", "more"}};
  fs::create_directory(outside.path() / "db");
  command.binds = {{"/run/out", outside.path()}, {"/usr/share/rpm", outside.path() / "db"}};
  const auto outcome = sandbox.run(command, 0);
  CHECK(outcome.output == "[first]\n[second line]\n1 two words more\n");
  CHECK(outcome.exit_code == 0);
  CHECK(read_file(outside.path() / "file") == "out\n");
  CHECK(read_file(outside.path() / "db/file") == "in\n");
  CHECK(sandbox.changes().empty());
  command.binds = {{"/usr/share/none", outside.path()}};
  CHECK_THROWS_WITH(sandbox.run(command, 0), Contains("mounting a folder into the tree: No such file or directory"));
}

TEST_CASE("A program that the tree does not have is told by name") {
  const TemporaryDirectory scratch(fs::temp_directory_path(), "scratch-");
  sandbox::Sandbox sandbox(tree().path(), scratch.path());
  CHECK_THROWS_WITH(sandbox.run({"test", {"/usr/bin/lua"}, {}, {}, {}, {}, {}}, 0),
                    Contains("execvp /usr/bin/lua: No such file or directory"));
}

TEST_CASE("Files given to other users are listed with their owners, by root and by who has subordinate ids") {
  const std::vector<std::string> scripts{
      "chown 5:6 /usr/share/other; mkdir /usr/share/own; echo q >/usr/share/own/f; ln -s f /usr/share/own/l; "
      "chown -h 7:8 /usr/share/own/f /usr/share/own/l; chmod 4711 /usr/share/own/f; chmod 0700 /usr/share/own; "
      "chown 7:7 /usr/share/own",
      "ls -ln /usr/share/own | while read -r mode n u g rest; do echo $mode $u $g; done"};
  const std::string expected = fmt::format(
      "exit 0\nexit 0\ntotal\n-rws--x--x 7 8\nlrwxrwxrwx 7 8\n"
      "file /usr/share/other 0644 existed 5:6 {}\n"
      "directory /usr/share/own 0700 7:7\n"
      "file /usr/share/own/f 4711 7:8 {}\n"
      "symlink /usr/share/own/l 0777 7:8 -> f\n",
      digest("other"), digest("q\n"));
  if (::geteuid() == 0) {
    for (const std::string isolation : {"auto", "copy"}) {
      CHECK(run_sandboxed(tree().path(), false, scripts, {isolation}) == expected);
      CHECK(run_sandboxed(tree().path(), true, scripts, {isolation}, true) == expected);
    }
  }
  CHECK_THAT(run_sandboxed(tree().path(), true && ::geteuid() == 0, {"chown 5:6 /usr/share/other; echo $?"}),
             ::geteuid() == 0 ? Contains("Invalid argument") : Contains("\n"));
}

TEST_CASE("What a killed run leaves can be removed") {
  for (const bool as_nobody : users()) {
    const TemporaryDirectory folder(fs::temp_directory_path(), "killed-");
    fs::permissions(folder.path(), fs::perms(0755));
    for (const char* name : {"tree", "scratch"}) fs::create_directory(folder.path() / name);
    run_checked({"cp", "-R", "-P", (tree().path() / ".").string(), (folder.path() / "tree").string()});
    fs::copy_file(fs::path(BUILD_DIR) / "tests/sandbox-run", folder.path() / "sandbox-run");
    std::vector<std::string> arguments;
    if (as_nobody) {
      run_checked({"chown", "-hR", "65534:65534", folder.path().string()});
      arguments = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
    }
    for (const char* word : {"sandbox-run", "tree", "scratch"}) arguments.push_back((folder.path() / word).string());
    for (const char* word :
         {"auto", "100", "100", "64", "mkdir /usr/share/m; chmod 0 /usr/share/m; echo >/usr/share/mark; sleep 1000"})
      arguments.emplace_back(word);
    Child child(arguments);
    for (int i = 0; i < 500 && !fs::exists(folder.path() / "scratch/upper/usr/share/mark"); ++i) ::usleep(20000);
    REQUIRE(fs::exists(folder.path() / "scratch/upper/usr/share/mark"));
    child.kill();
    // Only what was there before stays, for whoever it belongs to.
    const pid_t remover = ::fork();
    if (remover == 0) {
      if (as_nobody && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
      remove_tree(folder.path() / "scratch");
      ::_exit(0);
    }
    int status = 1;
    ::waitpid(remover, &status, 0);
    CHECK(status == 0);
    CHECK_FALSE(fs::exists(folder.path() / "scratch"));
  }
}
