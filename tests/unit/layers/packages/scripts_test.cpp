#include "layers/packages/scripts.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "support/as_user.hpp"
#include "support/program_tree.hpp"
#include "support/scratch_repository.hpp"

using namespace compose;
using namespace compose::layers;
using namespace compose::tests;
using Catch::Contains;

namespace {

const ProgramTree& programs() {
  static const ProgramTree tree(
      {"bash", "cat", "ls", "rm", "mv", "ln", "chmod", "chown", "sleep", "touch", "mkdir", "mkfifo"});
  return tree;
}

void fill_from(ostree::Tree& tree, const fs::path& folder) {
  for (fs::recursive_directory_iterator entry(folder), end; entry != end; ++entry) {
    const std::string path = "/" + entry->path().lexically_relative(folder).string();
    const auto status = entry->symlink_status();
    if (fs::is_symlink(status)) tree.put_symlink(path, fs::read_symlink(entry->path()).string());
    if (fs::is_directory(status)) tree.put_directory(path, directory_meta());
    if (fs::is_regular_file(status)) tree.put_file_from(path, file_meta(status.permissions() & 0777), entry->path());
  }
}

rpm::PlannedScript script(const std::string& name, const std::string& text, const std::string& input = {}) {
  return {name, {"/bin/sh"}, text, {"1"}, input};
}

struct Result {
  std::string commit;
  std::string listing;  // of what differs
};

std::string describe(const ostree::Tree& tree, const std::string& path, const ostree::Node& node) {
  std::string line = fmt::format("{} {:o} {}:{}", path, node.meta.mode, node.meta.uid, node.meta.gid);
  for (const auto& [name, value] : node.meta.xattrs) line += " " + name;
  if (node.kind == ostree::NodeKind::symlink) line += " -> " + node.symlink_target;
  if (node.kind == ostree::NodeKind::file && node.size_bytes < 100) line += " " + tree.read(path);
  return line + "\n";
}

Events* null_events() {
  static const auto events = make_null_events();
  return events.get();
}

// Keeps the notes.
struct Notes : Events {
  std::string text;
  void stage_started(std::string_view /*stage*/, std::string_view /*detail*/) override {}
  void stage_finished(std::string_view /*stage*/, std::string_view /*outcome*/,
                      std::chrono::milliseconds /*elapsed*/) override {}
  void progress(std::string_view /*stage*/, std::uint64_t /*done*/, std::uint64_t /*total*/,
                std::string_view /*unit*/) override {}
  void note(std::string_view note) override { text += std::string(note) + "\n"; }
};

// Runs scripts over a tree with some hard things in it, and says what they changed.
std::string run(rpm::ScriptPlan plan, const std::set<std::string>& package_paths = {"/usr/lib/agent/state"},
                sandbox::Limits limits = {}, Events& events = *null_events()) {
  ScratchRepository repository;
  const std::string base = repository.commit([](ostree::Tree& tree) {
    fill_from(tree, programs().path());
    tree.put_file("/usr/bin/su", file_meta(04755), "su");
    tree.put_file("/usr/lib/agent/state", file_meta(0640, 0, 990, {{"user.kept", "x"}}), "packaged");
    tree.put_file("/usr/etc/shadow", file_meta(0000, 0, 42), "root:*:::::::\n");
    tree.put_file("/usr/share/base/a", file_meta(), "a");
    tree.put_file("/usr/share/base/b", file_meta(), "a");
  });
  std::string commit;
  const auto check_repository = [&] {
    const auto fsck = compose::run({"ostree", "fsck", "--repo=" + repository.get().path().string()});
    if (fsck.exit_code != 0) throw std::runtime_error("fsck: " + fsck.err);
  };
  const TemporaryDirectory scratch(repository.folder(), "scratch-");
  try {
    ostree::Transaction transaction(repository.get());
    ostree::Tree tree(repository.get(), base);
    ScriptsInput input{base, std::move(plan), package_paths, 1700000000, limits, {}};
    run_scripts(repository.get(), tree, input, scratch.path(), events);
    commit = tree.commit({});
    transaction.commit();
  } catch (const Error&) {
    check_repository();
    throw;
  }
  check_repository();
  std::string text = commit + "\n";
  const ostree::Tree result(repository.get(), commit);
  for_each_added(repository.get(), base, commit, [&](const std::string& path, const ostree::Node& node) {
    if (node.kind != ostree::NodeKind::directory || node.meta.mode != (S_IFDIR | 0755U))
      text += describe(result, path, node);
  });
  for_each_added(repository.get(), commit, base, [&](const std::string& path, const ostree::Node&) {
    if (!result.lookup(path)) text += "removed " + path + "\n";
  });
  return text;
}

// The same for root and for an ordinary user; without the commit's checksum.
std::string run_as_all(const rpm::ScriptPlan& plan, const std::set<std::string>& paths = {"/usr/lib/agent/state"},
                       sandbox::Limits limits = {}) {
  const std::string text = as_user(false, [&] { return run(plan, paths, limits); });
  if (::geteuid() == 0) CHECK(as_user(true, [&] { return run(plan, paths, limits); }) == text);
  return text.starts_with("error") ? text : text.substr(text.find('\n') + 1);
}

rpm::ScriptPlan plan_of(std::vector<rpm::PlannedScript> after) {
  rpm::ScriptPlan plan;
  plan.after = std::move(after);
  return plan;
}

}  // namespace

TEST_CASE("What a script says is passed on, also when it ends well: it may have failed at something and gone on") {
  Notes notes;
  rpm::ScriptPlan plan;
  plan.after = {script("quiet.post", "true"), script("agent.post", "echo x >/var/lib/x; echo left\n")};
  run(std::move(plan), {}, {}, notes);
  CHECK_THAT(notes.text,
             Catch::StartsWith("agent.post said: ") && Contains("/var/lib/x: ") && Catch::EndsWith("left\n"));
}

TEST_CASE("What scripts make is root's, and what was there keeps owner, mode and attributes") {
  rpm::ScriptPlan plan;
  plan.before = {script("a.pre", "echo \"user $1\" >>/etc/passwd")};
  plan.after = {
      script("a.post",
             "echo new >/usr/lib/agent/new; chmod 0600 /usr/lib/agent/new; echo changed >/usr/lib/agent/state; "
             "touch /usr/bin/su; ln -s /usr/bin/cat /etc/alternatives-test; mkdir -m 0700 /usr/lib/agent/d; "
             "echo >>/etc/shadow")};
  plan.end = {
      script("a.posttrans", "cat /usr/lib/agent/new >/usr/lib/agent/copy; cat >/usr/lib/agent/input", "a line\n")};
  CHECK(run_as_all(plan) ==
        "/usr/etc/alternatives-test 120777 0:0 -> /usr/bin/cat\n"
        "/usr/etc/passwd 100644 0:0 root:x:0:0:root:/root:/bin/sh\nuser 1\n\n"
        "/usr/etc/shadow 100000 0:42 root:*:::::::\n\n\n"
        "/usr/lib/agent/copy 100644 0:0 new\n\n"
        "/usr/lib/agent/input 100644 0:0 a line\n\n"
        "/usr/lib/agent/new 100600 0:0 new\n\n"
        "/usr/lib/agent/state 100640 0:990 user.kept changed\n\n"
        "/usr/lib/agent/d 40700 0:0\n");
}

TEST_CASE("A mode that a script changes is taken over, and one that it only sees is not") {
  CHECK(run_as_all(plan_of({script("a.post", "chmod 0711 /usr/lib/agent/state")})) ==
        "/usr/lib/agent/state 100711 0:990 user.kept packaged\n");
  CHECK(run_as_all(plan_of({script("a.post",
                                   "cat /usr/bin/su >/tmp/su; cat /tmp/su >/usr/bin/su; touch /usr/lib/agent/state")}))
            .empty());
}

TEST_CASE("A script that fails is named, with its exit code, its last words and the line that lets it go") {
  const std::string said =
      run_as_all(plan_of({script("first.post", "exit 0"), script("agent.post", "echo no such agent >&2; exit 7")}));
  CHECK_THAT(said, Contains("error: the script agent.post failed with exit code 7:\nno such agent"));
  CHECK_THAT(said, Contains("hint: if the tree does without it: [packages] ignore-scripts = [\"agent.post\"]"));
  sandbox::Limits limits;
  limits.time = std::chrono::seconds(1);
  CHECK_THAT(run_as_all(plan_of({script("agent.post", "sleep 100")}), {}, limits),
             Contains("error: the script agent.post was ended: longer than 1 s"));
}

TEST_CASE("A script whose interpreter the tree does not have is told with it") {
  rpm::PlannedScript lua = script("agent.post", "x");
  lua.interpreter = {"/usr/bin/perl"};
  const std::string said = run_as_all(plan_of({lua}));
  CHECK_THAT(said, Contains("error: the tree cannot run it: execvp /usr/bin/perl: No such file or directory"));
  CHECK_THAT(said, Contains("while running agent.post"));
}

TEST_CASE("Changes to what is the base's are refused, each with the script that made it") {
  const std::string said = run_as_all(plan_of(
      {script("one.post", "echo x >>/usr/bin/cat; rm /usr/share/base/a; touch /usr/share/base/b"),
       script("two.post", "chmod 0700 /usr/share/base; echo x >>/usr/share/base/b; echo own >/usr/share/own")}));
  CHECK(said ==
        "error: scripts changed what they may not:\n"
        "  /usr/bin/cat by one.post: changed, but it is the base's\n"
        "  /usr/share/base/a by one.post: removed, but it is the base's\n"
        "  /usr/share/base by two.post: changed, but it is the base's\n"
        "  /usr/share/base/b by two.post: changed, but it is the base's\n"
        "hint: if the tree does without it: [packages] ignore-scripts = [\"one.post\"]\n");
}

TEST_CASE("Writes to /var fail the script that relies on them") {
  CHECK_THAT(run_as_all(plan_of({script("a.post", "set -e; echo x >/var/lib/state")})),
             Contains("a.post failed with exit code") && Contains("/var/lib/state: Read-only file system"));
}

TEST_CASE("Pipes and files given to other users are refused") {
  CHECK_THAT(run_as_all(plan_of({script("a.post", "mkfifo /usr/share/pipe")})),
             Contains("/usr/share/pipe by a.post: a pipe or a socket, which no commit can have"));
  if (::geteuid() != 0) return;
  CHECK_THAT(as_user(false, [] { return run(plan_of({script("a.post", "chown 5:6 /usr/lib/agent/state")})); }),
             Contains("/usr/lib/agent/state by a.post: given to 5:6 by its number"));
}

TEST_CASE("What scripts may change of the base: accounts, unit links, caches, and not programs or settings") {
  for (const char* path : {"/usr/etc/passwd", "/usr/etc/gshadow-", "/usr/etc/ld.so.cache", "/usr/share/mime/mime.cache",
                           "/usr/etc/systemd/system/multi-user.target.wants/x.service", "/usr/etc/alternatives/editor",
                           "/usr/lib64/gio/modules/giomodule.cache", "/usr/etc/selinux/targeted/policy/policy.33"})
    CHECK(scripts_may_change(path));
  for (const char* path : {"/usr/bin/passwd", "/usr/etc/sudoers", "/usr/etc/systemd/journald.conf",
                           "/usr/lib/passwd.so", "/usr/lib/systemd/system/x.service", "/usr/etc/ssh/sshd_config"})
    CHECK_FALSE(scripts_may_change(path));
}
