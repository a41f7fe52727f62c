// Packages through the real binary: from a repository to the commit.

#include <catch2/catch.hpp>

#include "ostree/tree.hpp"
#include "support/error.hpp"
#include "support/packages_project.hpp"

namespace compose::build {
namespace {

using nlohmann::json;
using tests::compose;
using tests::compose_json;
using tests::PackagesProject;
using tests::Spec;
using tests::spec_with_file;

Spec spec_with_script(const std::string& name, const std::string& scripts) {
  Spec spec = spec_with_file(name, "/usr/share/" + name + "/file", name);
  spec.body += scripts;
  return spec;
}

// A package with a user of its own that a folder belongs to.
Spec spec_with_user(const std::string& name) {
  Spec spec;
  spec.name = name;
  spec.body = fmt::format(
      "%install\nmkdir -p %{{buildroot}}/usr/lib/sysusers.d %{{buildroot}}/usr/lib/{0} %{{buildroot}}/var/lib/{0}\n"
      "echo 'u {0} - \"user of {0}\"' >%{{buildroot}}/usr/lib/sysusers.d/{0}.conf\n"
      "%files\n/usr/lib/sysusers.d/{0}.conf\n%attr(0750,{0},{0}) %dir /usr/lib/{0}\n%attr(0700,{0},{0}) %dir "
      "/var/lib/{0}\n",
      name);
  return spec;
}

ostree::Tree tree_of(ostree::Repository& repository, const json& report) {
  return {repository, report["commit"].get<std::string>()};
}

bool is_clean(const PackagesProject& project) {
  return run({"ostree", "fsck", "--repo=" + project.repository().string()}).exit_code == 0;
}

std::vector<std::string> locked_nevras(const json& lock) {
  std::vector<std::string> nevras;
  for (const auto& package : lock["packages"]) nevras.push_back(package["nevra"]);
  return nevras;
}

TEST_CASE("packages are found in a repository, locked, and in the commit with all that rpm and hosts look for") {
  PackagesProject project;
  Spec agent = spec_with_script("agent", "%post\necho made >/usr/share/agent/by-post\n");
  agent.tags = {"Requires: library", "Requires: /bin/sh"};
  project.publish(
      {agent, spec_with_file("library", "/usr/share/library", "l"), spec_with_file("other", "/usr/o", "o")});
  project.write_recipe({"install = [\"agent\"]"});
  const json lock = project.resolve();
  CHECK(locked_nevras(lock) == std::vector<std::string>{"agent-1-1.noarch", "library-1-1.noarch"});
  const json report = project.build();
  CHECK(report["layers"][1]["name"] == "packages");
  CHECK(report["layers"][1]["reused"] == true);  // resolve made it

  auto repository = ostree::Repository::open(project.repository());
  const ostree::Tree tree = tree_of(repository, report);
  CHECK(tree.read("/usr/share/agent/file") == "agent");
  CHECK(tree.read("/usr/share/agent/by-post") == "made\n");
  CHECK_FALSE(tree.lookup("/usr/o"));
  const auto rows = ostree::commit_packages(repository, report["commit"]);
  REQUIRE(rows.size() == 4);
  CHECK(rows[0] == ostree::PackageRow{"agent", "0", "1", "1", "noarch"});
  CHECK(rows[3].name == "library");
  CHECK(tree.lookup("/usr/lib/sysimage/rpm-ostree-base-db/rpmdb.sqlite"));

  const fs::path checkout = project.folder() / "checkout";
  ostree::check_out(repository, report["commit"], checkout);
  const std::string listed = run_checked({"rpm", "--dbpath", (checkout / "usr/share/rpm").string(), "-qa"});
  CHECK(listed.find("agent-1-1.noarch\n") != std::string::npos);
  CHECK(listed.find("base-tool-1-1.noarch\n") != std::string::npos);
  CHECK(is_clean(project));
}

TEST_CASE("root and nobody, with the recipe's words in another order and an empty workspace, make the same commit") {
  PackagesProject project;
  project.publish({spec_with_script("one", "%post\necho 1 >>/usr/share/one/order\n"), spec_with_user("two"),
                   spec_with_file("three", "/usr/share/three", "3")});
  project.write_recipe({"install = [\"one\", \"two\", \"three\"]"});
  project.resolve();
  const std::string lock = read_file(project.folder() / "recipe.lock");
  const json here = project.build();

  project.write_recipe({"install = [\"three\", \"two\", \"one\"]"});
  project.resolve();
  CHECK(read_file(project.folder() / "recipe.lock") == lock);

  CHECK(project.build_as_nobody()["commit"] == here["commit"]);
}

TEST_CASE("what is locked is built without any repository, as long as the packages are kept") {
  PackagesProject project;
  project.publish({spec_with_file("kept", "/usr/share/kept", "k")});
  project.write_recipe({"install = [\"kept\"]"});
  project.resolve();
  const json first = project.build();
  fs::remove_all(project.rpms().path() / "repo");
  fs::rename(project.folder() / "work/cache", project.folder() / "cache");
  fs::remove_all(project.folder() / "work");
  fs::create_directory(project.folder() / "work");
  CHECK(project.failing("build").exit_code == static_cast<int>(ErrorKind::unreachable));
  fs::remove_all(project.folder() / "work/cache");
  fs::rename(project.folder() / "cache", project.folder() / "work/cache");
  CHECK(project.build()["commit"] == first["commit"]);
}

TEST_CASE("a package that nobody signed, or somebody else, never gets in") {
  PackagesProject project;
  const fs::path package = project.rpms().build(spec_with_file("stranger", "/usr/share/stranger", "s"));
  project.write_recipe({"install = [\"stranger\"]"});
  project.publish_files({package});
  const ProcessResult unsigned_package = project.failing("resolve");
  CHECK(unsigned_package.exit_code == static_cast<int>(ErrorKind::mismatch));
  CHECK(unsigned_package.err.find("stranger-1-1.noarch") != std::string::npos);
  project.rpms().sign(package, "another");
  project.publish_files({package});
  CHECK(project.failing("resolve").exit_code == static_cast<int>(ErrorKind::mismatch));
  CHECK_FALSE(fs::exists(project.folder() / "recipe.lock"));
  project.write_recipe({"install = [\"stranger\"]", "unsigned = [\"test\"]"});
  CHECK(locked_nevras(project.resolve()).size() == 1);
}

TEST_CASE("a script that writes to the base fails the build by name, and the repository is as it was") {
  PackagesProject project;
  const std::vector<std::pair<std::string, std::string>> cases{
      {"echo hacked >>/usr/share/base-tool", "/usr/share/base-tool"},
      {"rm /usr/share/base-tool", "/usr/share/base-tool"},
      {"chmod 4755 /usr/bin/bash", "/usr/bin/bash"},
      {"echo x >/var/lib/x", "/var/lib/x"},
      {"exit 3", "3"}};
  for (const auto& [script, named] : cases) {
    INFO(script);
    project.publish({spec_with_script("hostile", "%post\n" + script + "\n")});
    project.write_recipe({"install = [\"hostile\"]"});
    const ProcessResult result = project.failing("resolve");
    INFO(result.err);
    CHECK(result.exit_code == static_cast<int>(ErrorKind::input));
    CHECK(result.err.find(named) != std::string::npos);
    CHECK(result.err.find("hostile.post") != std::string::npos);
    CHECK(is_clean(project));
  }
  project.write_recipe({"install = [\"hostile\"]", "ignore-scripts = [\"hostile.post\"]"});
  project.resolve();
  CHECK(project.build()["layers"][1]["name"] == "packages");
}

TEST_CASE("resolve --update PACKAGE renews that one alone, and diff says so") {
  PackagesProject project;
  Spec first = spec_with_file("first", "/usr/share/first", "1");
  Spec second = spec_with_file("second", "/usr/share/second", "2");
  project.publish({first, second});
  project.write_recipe({"install = [\"first\", \"second\"]"});
  project.resolve();
  const fs::path before = project.folder() / "before.lock";
  fs::copy_file(project.folder() / "recipe.lock", before);
  first.version = second.version = "2";
  project.publish({first, second, spec_with_file("unrelated", "/usr/share/u", "u")});
  // The repository has to keep what is locked: a real one has older versions too.
  std::vector<fs::path> all;
  for (fs::directory_iterator file(project.rpms().path() / "out"), end; file != end; ++file)
    all.push_back(file->path());
  project.publish_files(all);
  CHECK(locked_nevras(project.resolve({"first", "--update"})) ==
        std::vector<std::string>{"first-2-1.noarch", "second-1-1.noarch"});
  const ProcessResult difference = compose({"diff", before.string(), (project.folder() / "recipe.lock").string()});
  CHECK(difference.out.find("upgraded first") != std::string::npos);
  CHECK(difference.out.find("second") == std::string::npos);
  CHECK(locked_nevras(project.resolve()) == std::vector<std::string>{"first-2-1.noarch", "second-2-1.noarch"});
}

TEST_CASE("a user's number stays from version to version, whoever else comes") {
  PackagesProject project;
  project.publish({spec_with_user("mmm"), spec_with_user("aaa")});
  project.write_recipe({"install = [\"mmm\"]"});
  const auto number = project.resolve()["ids"]["users"]["mmm"].get<int>();
  project.write_recipe({"install = [\"mmm\", \"aaa\"]"});
  const json ids = project.resolve()["ids"];
  CHECK(ids["users"]["mmm"] == number);
  CHECK(ids["users"]["aaa"] != number);
  auto repository = ostree::Repository::open(project.repository());
  const json report = project.build();
  const ostree::Tree tree = tree_of(repository, report);
  CHECK(tree.lookup("/usr/lib/mmm")->meta.uid == static_cast<std::uint32_t>(number));
  CHECK(tree.lookup("/usr/lib/mmm")->meta.mode == (S_IFDIR | 0750U));
  CHECK(tree.read("/usr/etc/passwd").find("mmm:x:" + std::to_string(number) + ":") != std::string::npos);
  CHECK(tree.read("/usr/lib/tmpfiles.d/packages-var.conf").find("d /var/lib/mmm 0700 mmm mmm") != std::string::npos);
}

TEST_CASE("a base's package is taken out, or replaced, only when the recipe says so") {
  PackagesProject project;
  Spec newer = spec_with_file("base-tool", "/usr/share/base-tool", "newer");
  newer.version = "2";
  project.publish({newer});
  project.write_recipe({"install = [\"base-tool >= 2\"]"});
  const ProcessResult refused = project.failing("resolve");
  CHECK(refused.exit_code == static_cast<int>(ErrorKind::input));
  CHECK(refused.err.find("base-tool >= 2") != std::string::npos);

  auto repository = ostree::Repository::open(project.repository());
  project.write_recipe({"install = [\"base-tool >= 2\"]", "replace = [\"base-tool\"]"});
  CHECK(project.resolve()["removed_packages"] == json({"base-tool-1-1.noarch"}));
  CHECK(tree_of(repository, project.build()).read("/usr/share/base-tool") == "newer");
  project.write_recipe({"remove = [\"base-tool\"]"});
  project.resolve();
  const json report = project.build();
  CHECK_FALSE(tree_of(repository, report).lookup("/usr/share/base-tool"));
  CHECK(ostree::commit_packages(repository, report["commit"]).size() == 1);
}

TEST_CASE("files in /var are refused, or kept below /usr for the host to copy when the recipe says so") {
  PackagesProject project;
  project.publish({spec_with_file("cached", "/var/cache/cached/agent.tar", "a cached image")});
  project.write_recipe({"install = [\"cached\"]"});
  const ProcessResult refused = project.failing("resolve");
  CHECK(refused.exit_code == static_cast<int>(ErrorKind::input));
  CHECK(refused.err.find("'/var/cache/cached/agent.tar'") != std::string::npos);
  CHECK(refused.err.find("var-files = [") != std::string::npos);
  project.write_recipe({"install = [\"cached\"]", "var-files = [\"cached\"]"});
  project.resolve();
  auto repository = ostree::Repository::open(project.repository());
  const json report = project.build();
  const fs::path checkout = project.folder() / "checkout";
  ostree::check_out(repository, report["commit"], checkout);
  fs::permissions(checkout, fs::perms(0755));
  run({"systemd-tmpfiles", "--create", "--root=" + checkout.string(), "--prefix=/var/cache"});
  CHECK(read_file(checkout / "var/cache/cached/agent.tar") == "a cached image");
}

TEST_CASE("a base without a database takes packages on the recipe's word") {
  PackagesProject project;
  Spec agent = spec_with_file("agent", "/usr/share/agent", "a");
  agent.tags = {"Requires: systemd"};
  project.publish({agent});
  project.write_recipe({"install = [\"agent\"]"}, "base-without-database");
  const ProcessResult refused = project.failing("resolve");
  CHECK(refused.exit_code == static_cast<int>(ErrorKind::input));
  CHECK(refused.err.find("assume-provides") != std::string::npos);
  project.write_recipe({"install = [\"agent\"]", "assume-provides = [\"systemd\"]"}, "base-without-database");
  project.resolve();
  auto repository = ostree::Repository::open(project.repository());
  const json report = project.build();
  CHECK(tree_of(repository, report).read("/usr/share/agent") == "a");
  CHECK(ostree::commit_packages(repository, report["commit"]).size() == 1);
}

TEST_CASE("killed while packages are installed, the next build makes the same commit and leaves nothing behind") {
  PackagesProject project;
  project.publish(
      {spec_with_script("slow", "%post\nsleep 0.3\necho 1 >/usr/share/slow/made\n"), spec_with_user("two")});
  project.write_recipe({"install = [\"slow\", \"two\"]"});
  project.resolve();
  const json expected = project.build();
  for (const int delay_ms : {50, 150, 300, 500}) {
    INFO(delay_ms);
    const std::string workspace = "work-" + std::to_string(delay_ms);
    std::vector<std::string> command{tests::program};
    for (const auto& word : project.arguments("build", workspace)) command.push_back(word);
    command.insert(command.end(), {"--to", "commit"});
    Child child(command, {{{"TEST_KEY", tests::test_key}}, {}, project.folder() / "killed.log"});
    tests::wait_until([&] { return fs::exists(project.folder() / workspace / "repo/refs"); });
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    child.kill();
    CHECK(project.build(workspace)["commit"] == expected["commit"]);
    CHECK(fs::is_empty(project.folder() / workspace / "tmp"));
  }
}

TEST_CASE("log says what the packages add") {
  PackagesProject project;
  project.publish({spec_with_file("sized", "/usr/share/sized", std::string(5000, 's'))});
  project.write_recipe({"install = [\"sized\"]"});
  project.resolve();
  project.build();
  const json log = compose_json(project.arguments("log"));
  REQUIRE(log["layers"][1]["name"] == "packages");
  CHECK(log["layers"][1]["added_bytes"].get<std::uint64_t>() >= 5000);
}

}  // namespace
}  // namespace compose::build
