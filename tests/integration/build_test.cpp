// The main job through the real binary, on a small base of the test's own.

#include <algorithm>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include "ostree/tree.hpp"
#include "sign/keys.hpp"
#include "support/program.hpp"

namespace compose::build {
namespace {

using nlohmann::json;
using tests::compose;
using tests::compose_json;
using tests::SmallProject;

std::vector<std::string> build_arguments(const SmallProject& project, const std::string& workspace = "work",
                                         const std::string& out = "out") {
  return {"build", project.recipe_file().string(),   "--workspace", (project.folder() / workspace).string(),
          "--out", (project.folder() / out).string()};
}

std::vector<std::string> plus(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::size_t entries_below(const fs::path& folder) {
  return fs::exists(folder)
             ? static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()))
             : 0;
}

// As the tool of that name says it, which knows nothing of this program.
std::string fsverity_of(const fs::path& file) {
  const ProcessResult result = run({"fsverity", "digest", file.string()});
  return result.out.substr(0, result.out.find(' '));
}

TEST_CASE("build gives a signed commit whose metadata, key and ref are what the recipe says") {
  const SmallProject project;
  const json report = compose_json(plus(build_arguments(project), {"--to", "commit"}));
  CHECK(report["name"] == "small");
  CHECK(report["ref"] == "test/x86_64/small");
  CHECK(report["layers"].size() == 3);
  CHECK(report["disks"].empty());

  auto repository = ostree::Repository::open(project.folder() / "work/repo");
  const std::string commit = report["commit"];
  CHECK(repository.resolve("test/x86_64/small") == commit);
  CHECK(ostree::commit_string(repository, commit, "version") == "1.0");
  CHECK(ostree::commit_string(repository, commit, "ostree.linux") == "6.1.0-test");
  CHECK(ostree::commit_string(repository, commit, "atomic-compose.lock") == report["lock"]);
  const auto signatures = ostree::commit_signatures(repository, commit);
  REQUIRE(signatures.size() == 1);
  const auto key = sign::parse_public_key(report["public_key"].get<std::string>(), "the report");
  CHECK(sign::verify(key, ostree::commit_bytes(repository, commit), signatures[0]));
  const ostree::Tree tree(repository, commit);
  CHECK(tree.read("/usr/share/ostree/trusted.ed25519.d/small") == report["public_key"].get<std::string>() + "\n");
  CHECK(tree.read("/usr/share/hello/hello.txt") == "hello\n");
  CHECK(run({"ostree", "fsck", "--repo=" + repository.path().string()}).exit_code == 0);
}

TEST_CASE("a second build reuses every layer and the disk, a changed overlay only what is above it") {
  const SmallProject project;
  const json first = compose_json(build_arguments(project));
  CHECK(fsverity_of(first["disks"][0]["path"].get<std::string>()) == first["disks"][0]["fsverity"]);
  const json second = compose_json(build_arguments(project));
  CHECK(second["commit"] == first["commit"]);
  CHECK(second["disks"][0]["fsverity"] == first["disks"][0]["fsverity"]);
  CHECK(second["disks"][0]["reused"] == true);
  for (const auto& layer : second["layers"]) CHECK(layer["reused"] == true);

  project.write("overlays/host/usr/share/hello/hello.txt", "changed\n");
  const json third = compose_json(build_arguments(project));
  CHECK(third["layers"][0]["reused"] == true);
  CHECK(third["layers"][1]["reused"] == false);
  CHECK(third["layers"][1]["added_bytes"] == 8);
  CHECK(third["commit"] != first["commit"]);
  CHECK(third["disks"][0]["fsverity"] != first["disks"][0]["fsverity"]);
}

TEST_CASE("build uses what is locked, not what is newest, and resolve --update renews the lock") {
  const SmallProject project;
  const json first = compose_json(plus(build_arguments(project), {"--to", "commit"}));
  project.make_base(3U << 20U, "newer");
  CHECK(compose_json(plus(build_arguments(project), {"--to", "commit"}))["commit"] == first["commit"]);
  CHECK(compose_json({"resolve", project.recipe_file().string(), "--workspace",
                      (project.folder() / "work").string()})["changed"] == false);
  CHECK(compose_json({"resolve", "--update", project.recipe_file().string(), "--workspace",
                      (project.folder() / "work").string()})["changed"] == true);
  const json renewed = compose_json(plus(build_arguments(project), {"--to", "commit"}));
  CHECK(renewed["commit"] != first["commit"]);
  CHECK(renewed["layers"][0]["reused"] == false);
}

TEST_CASE("plan says what is found and what is to be made, and makes nothing") {
  const SmallProject project;
  const std::vector<std::string> plan{"plan", project.recipe_file().string(), "--workspace",
                                      (project.folder() / "work").string()};
  for (const auto& layer : compose_json(plan)["layers"]) CHECK(layer["found"] == false);
  compose_json(plus(build_arguments(project), {"--to", "commit"}));
  for (const auto& layer : compose_json(plan)["layers"]) CHECK(layer["found"] == true);
}

// Runs the binary as somebody else, somewhere else: all that must not matter differs.
json build_elsewhere(const SmallProject& project, const fs::path& folder, std::vector<std::string> prefix,
                     const std::map<std::string, std::string>& environment) {
  std::vector<std::string> command = std::move(prefix);
  command = plus(command, {tests::program, "build", project.recipe_file().string(), "--json", "--workspace",
                           (folder / "w").string(), "--out", (folder / "o").string()});
  std::map<std::string, std::string> variables = environment;
  variables["TEST_KEY"] = tests::test_key;
  const ProcessResult result = run(command, {variables, folder, {}});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return json::parse(result.out);
}

TEST_CASE("another folder, time zone, umask, locale and user, without devices and mounts, give the same bytes") {
  const SmallProject project;
  const TemporaryDirectory elsewhere(fs::temp_directory_path(), "a-longer-name-elsewhere-");
  fs::permissions(elsewhere.path(), fs::perms(0777));
  compose_json({"resolve", project.recipe_file().string(), "--workspace", (project.folder() / "work").string()});
  const json here = compose_json(build_arguments(project));

  const std::map<std::string, std::string> other{{"TZ", "Pacific/Kiritimati"},
                                                 {"LC_ALL", "C.UTF-8"},
                                                 {"LANG", "tr_TR.UTF-8"},
                                                 {"SOURCE_DATE_EPOCH", "1"},
                                                 {"HOME", "/nonexistent"}};
  std::vector<std::string> as_nobody{"sh", "-c", "umask 077; exec \"$@\"", "sh"};
  if (::geteuid() == 0)
    as_nobody = plus(as_nobody, {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
                                 "--bounding-set=-all", "--inh-caps=-all"});
  const json there = build_elsewhere(project, elsewhere.path(), as_nobody, other);
  CHECK(there["commit"] == here["commit"]);
  CHECK(there["disks"][0]["fsverity"] == here["disks"][0]["fsverity"]);

  // No /dev but null, zero and the like; no capability; every mount refused.
  const fs::path caged = elsewhere.path() / "caged";
  fs::create_directory(caged);
  std::vector<std::string> cage{
      "bwrap", "--unshare-user", "--unshare-net", "--unshare-pid", "--cap-drop", "ALL", "--bind", "/",
      "/",     "--dev",          "/dev",          "--proc",        "/proc"};
  CHECK(run(plus(cage, {"sh", "-c", "ls /dev/loop* || mount -t tmpfs none /mnt"})).exit_code != 0);
  const json in_cage = build_elsewhere(project, caged, cage, {});
  CHECK(in_cage["commit"] == here["commit"]);
  CHECK(in_cage["disks"][0]["fsverity"] == here["disks"][0]["fsverity"]);
}

std::vector<std::string> entries_of(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

json build_greeting(const SmallProject& project, const std::string& greeting) {
  project.write("overlays/host/usr/share/hello/hello.txt", greeting);
  return compose_json(build_arguments(project));
}

// Which file it is, and when it was changed.
std::pair<ino_t, std::int64_t> identity_of(const fs::path& file) {
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  return {info.st_ino, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

ino_t inode_of(const fs::path& file) { return identity_of(file).first; }

TEST_CASE("from the third build on an image is made of the one before the last, and has the bytes of a first build") {
  const SmallProject project;
  const fs::path image = build_greeting(project, "one\n")["disks"][0]["path"].get<std::string>();
  const ino_t first = inode_of(image);
  build_greeting(project, "two\n");
  const ino_t second = inode_of(image);
  CHECK(second != first);
  const json third = build_greeting(project, "three\n");
  CHECK(inode_of(image) == first);
  const json fourth = build_greeting(project, "four, and much longer\n" + std::string(700'000, 'x'));
  CHECK(inode_of(image) == second);
  const json fifth = build_greeting(project, "three\n");
  CHECK(fifth["disks"][0]["fsverity"] == third["disks"][0]["fsverity"]);

  const SmallProject anew;
  CHECK(build_greeting(anew, "three\n")["disks"][0]["fsverity"] == third["disks"][0]["fsverity"]);
  CHECK(sha256_of_file(anew.folder() / "out/small-1.0.raw") == sha256_of_file(image));
  CHECK(fsverity_of(image) == third["disks"][0]["fsverity"]);
  CHECK(entries_of(project.folder() / "work/disks") ==
        std::vector<std::string>{"small.json", "small.spare", "small.spare-state", "small.state"});
}

TEST_CASE("an image that somebody else has or reads is never written into") {
  const SmallProject project;
  const fs::path image = build_greeting(project, "one\n")["disks"][0]["path"].get<std::string>();
  const std::string one = sha256_of_file(image);

  SECTION("by another name") {
    fs::create_hard_link(image, project.folder() / "mine.raw");
    build_greeting(project, "two\n");
    build_greeting(project, "three\n");
    CHECK(sha256_of_file(project.folder() / "mine.raw") == one);
  }
  SECTION("open") {
    const Fd reader = open_file(image, O_RDONLY);
    build_greeting(project, "two\n");
    build_greeting(project, "three\n");
    CHECK(sha256_of_file(fmt::format("/proc/self/fd/{}", reader.get())) == one);
  }
}

TEST_CASE("an image that was changed since is no start for the next one, nor is a spoilt state") {
  const SmallProject project;
  const fs::path image = build_greeting(project, "one\n")["disks"][0]["path"].get<std::string>();
  build_greeting(project, "two\n");
  const fs::path disks = project.folder() / "work/disks";

  SECTION("both images") {
    for (const fs::path& file : {image, disks / "small.spare"}) {
      write_all_at(open_file(file, O_RDWR).get(), std::string_view("spoilt"), 100U << 20U, "image");
    }
  }
  SECTION("both states") {
    for (const char* file : {"small.state", "small.spare-state"}) {
      fs::resize_file(disks / file, fs::file_size(disks / file) - 1);
    }
  }
  const json third = build_greeting(project, "three\n");
  CHECK(fsverity_of(image) == third["disks"][0]["fsverity"]);
  const SmallProject anew;
  CHECK(build_greeting(anew, "three\n")["disks"][0]["fsverity"] == third["disks"][0]["fsverity"]);
}

// Kills the build some time after the stage began; returns whether it was killed before it ended by itself.
bool kill_in(const SmallProject& project, const std::string& stage, int delay_ms) {
  const fs::path progress = project.folder() / "progress.jsonl";
  fs::remove(progress);
  std::vector<std::string> command{"sh", "-c", "exec \"$@\" 3>\"$PROGRESS\"", "sh", tests::program};
  command = plus(plus(command, build_arguments(project)), {"--progress-fd", "3"});
  Child child(command,
              {{{"TEST_KEY", tests::test_key}, {"PROGRESS", progress.string()}}, {}, project.folder() / "killed.log"});
  const std::string started = "\"stage\":\"" + stage + "\"";
  const bool seen = tests::wait_until([&] {
    return child.exit_code() || (fs::exists(progress) && read_file(progress).find(started) != std::string::npos);
  });
  REQUIRE(seen);
  std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
  const bool alive = !child.exit_code();
  child.kill();
  return alive;
}

TEST_CASE("killed in any stage, the next run completes with the same result and leaves nothing behind") {
  const SmallProject reference(24U << 20U);
  const json expected = compose_json(build_arguments(reference));
  int kills = 0;
  for (const std::string stage : {"pull", "overlay:host", "finish", "disk"}) {
    for (const int delay_ms : {0, 3, 10, 30}) {
      const SmallProject project(24U << 20U);
      INFO(stage << " + " << delay_ms << " ms");
      kills += kill_in(project, stage, delay_ms) ? 1 : 0;
      const json report = compose_json(build_arguments(project));
      CHECK(report["commit"] == expected["commit"]);
      CHECK(report["disks"][0]["fsverity"] == expected["disks"][0]["fsverity"]);
      CHECK(entries_below(project.folder() / "work/tmp") == 0);
      CHECK(entries_below(project.folder() / "work/repo/tmp") <= 1);  // libostree's own cache folder
      CHECK(entries_below(project.folder() / "out") == 1);
      CHECK(run({"ostree", "fsck", "--repo=" + (project.folder() / "work/repo").string()}).exit_code == 0);
    }
  }
  CHECK(kills >= 10);
}

TEST_CASE("killed while it writes differences, the next run completes with the same result and leaves nothing behind") {
  const SmallProject reference(24U << 20U);
  const json expected = build_greeting(reference, "three\n");
  int kills = 0;
  for (const bool has_spare : {false, true}) {
    for (const int delay_ms : {0, 20, 60, 100, 140}) {
      INFO((has_spare ? "spare, " : "copy, ") << delay_ms << " ms");
      const SmallProject project(24U << 20U);
      const json one = build_greeting(project, "one\n");
      if (has_spare) build_greeting(project, "two\n");
      const fs::path image = one["disks"][0]["path"].get<std::string>();
      const auto before = identity_of(image);
      project.write("overlays/host/usr/share/hello/hello.txt", "three\n");
      kills += kill_in(project, "disk", delay_ms) ? 1 : 0;
      // Untouched, or replaced by a whole one.
      const auto after = identity_of(image);
      CHECK((after == before || after.first != before.first));
      CHECK(compose_json(build_arguments(project))["disks"][0]["fsverity"] == expected["disks"][0]["fsverity"]);
      CHECK(entries_of(project.folder() / "out") == std::vector<std::string>{"small-1.0.raw"});
      CHECK_FALSE(fs::exists(project.folder() / "work/disks/small.taken"));
    }
  }
  CHECK(kills >= 5);
}

TEST_CASE("a full disk is a clear error, and what was there stays as it was") {
  const SmallProject project;
  const json first = compose_json(build_arguments(project));
  project.write("overlays/host/usr/share/hello/hello.txt", "changed\n");

  // A small file system of the test's own for the output folder, in a name space of its own.
  const std::string target = (project.folder() / "full").string();
  fs::create_directory(target);
  std::vector<std::string> command{
      "bwrap",
      "--unshare-user",
      "--bind",
      "/",
      "/",
      "--dev",
      "/dev",
      "--size",
      "1048576",
      "--tmpfs",
      target,
      "sh",
      "-c",
      "echo kept > \"$0/small-1.0.raw\"; \"$@\"; code=$?; cat \"$0/small-1.0.raw\"; ls -A \"$0\" | wc -l; exit $code",
      target,
      tests::program};
  const ProcessResult result = run(plus(command, {"build", project.recipe_file().string(), "--workspace",
                                                  (project.folder() / "work").string(), "--out", target}),
                                   {{{"TEST_KEY", tests::test_key}}, {}, {}});
  INFO(result.err);
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("No space left on device") != std::string::npos);
  CHECK(result.err.find("hint: free some space") != std::string::npos);
  CHECK(result.out == "kept\n1\n");
  CHECK(fsverity_of(first["disks"][0]["path"].get<std::string>()) == first["disks"][0]["fsverity"]);
}

TEST_CASE("two builds in one workspace wait for each other") {
  const SmallProject project;
  std::vector<std::string> command{tests::program};
  const auto both = plus(command, build_arguments(project));
  Child first(both, {{{"TEST_KEY", tests::test_key}}, {}, project.folder() / "first.log"});
  Child second(both, {{{"TEST_KEY", tests::test_key}}, {}, project.folder() / "second.log"});
  CHECK(first.wait() == 0);
  CHECK(second.wait() == 0);
}

TEST_CASE("a tree that would not work on a host is refused with id, path and fix") {
  const SmallProject project;
  project.write("overlays/host/usr/lib/tmpfiles.d/x.conf", "d /var/lib/x 0755 ghost root -\n");
  const ProcessResult result = compose(build_arguments(project));
  CHECK(result.exit_code == 3);
  CHECK(result.err.find("[tmpfiles-unknown-owner] /usr/lib/tmpfiles.d/x.conf: '/var/lib/x' names the user 'ghost'") !=
        std::string::npos);
  CHECK(result.err.find("fix: add it with sysusers.d") != std::string::npos);
  CHECK_FALSE(ostree::Repository::open(project.folder() / "work/repo").resolve("test/x86_64/small"));
}

TEST_CASE("without a sign section the first build makes a key of the user's own, mode 0600, and says so") {
  const SmallProject project;
  std::string recipe = project.recipe();
  recipe.erase(recipe.find("[sign]"));
  project.write("recipe.toml", recipe);
  const std::map<std::string, std::string> environment{{"XDG_CONFIG_HOME", (project.folder() / "config").string()}};
  const auto arguments = plus(build_arguments(project), {"--to", "commit"});
  const ProcessResult first = compose(arguments, environment);
  CHECK(first.exit_code == 0);
  CHECK(first.err.find("made a signing key: ") != std::string::npos);
  const fs::path key = project.folder() / "config/atomic-compose/signing.key";
  CHECK((fs::status(key).permissions() & 0777) == 0600);
  const ProcessResult second = compose(arguments, environment);
  CHECK(second.err.find("made a signing key") == std::string::npos);
}

TEST_CASE("progress lines on --progress-fd are JSON, and stdout carries the result alone") {
  const SmallProject project;
  const fs::path progress = project.folder() / "progress.jsonl";
  std::vector<std::string> command{"sh", "-c", "exec \"$@\" 3>\"$PROGRESS\"", "sh", tests::program};
  command = plus(plus(command, build_arguments(project)), {"--progress-fd", "3", "--json"});
  const ProcessResult result = run(command, {{{"TEST_KEY", tests::test_key}, {"PROGRESS", progress.string()}}, {}, {}});
  REQUIRE(result.exit_code == 0);
  CHECK(json::parse(result.out)["name"] == "small");
  std::set<std::string> finished;
  std::istringstream lines(read_file(progress));
  for (std::string line; std::getline(lines, line);) {
    const json event = json::parse(line);
    if (event["event"] == "finish") finished.insert(event["stage"].get<std::string>());
  }
  for (const char* stage : {"pull", "base", "overlay:host", "finish", "disk"}) CHECK(finished.count(stage) == 1);
}

}  // namespace
}  // namespace compose::build
