// What a person asks about locks, repositories and the chain, through the real binary.

#include <catch2/catch.hpp>

#include "ostree/tree.hpp"
#include "support/program.hpp"

namespace compose::cli {
namespace {

using nlohmann::json;
using tests::compose;
using tests::compose_json;
using tests::SmallProject;

std::string lock_text(const std::string& packages, char commit = 'a') {
  return "[base]\nref = \"test/base\"\ncommit = \"" + std::string(64, commit) + "\"\n" + packages;
}

std::string package(const std::string& nevra, std::uint64_t size_bytes, const std::string& repo = "fedora") {
  return "[[package]]\nnevra = \"" + nevra + "\"\nrepo = \"" + repo + "\"\nlocation = \"" + nevra +
         ".rpm\"\nsize = " + std::to_string(size_bytes) + "\nsha256 = \"" + std::string(64, 'c') + "\"\n";
}

std::vector<std::string> with_workspace(const SmallProject& project, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--workspace", (project.folder() / "work").string()});
  return arguments;
}

TEST_CASE("diff tells what changed from one lock to another, newer by rpm's own rules") {
  const SmallProject project;
  const std::string old_lock = (project.folder() / "old.lock").string();
  project.write("old.lock", lock_text(package("agent-1.9-1.x86_64", 1U << 20U) + package("b-1.0~rc1-1.x86_64", 10)));
  project.write("recipe.lock",
                lock_text(package("agent-1.10-1.x86_64", 3U << 20U) + package("b-1.0-1.x86_64", 10), 'b'));
  const ProcessResult text = compose({"diff", old_lock, project.recipe_file().string()});
  CHECK(text.exit_code == 0);
  CHECK(text.out ==
        "changed base aaaaaaaaaaaa -> bbbbbbbbbbbb\n"
        "upgraded agent 1.9-1 -> 1.10-1 (+2.0 MiB)\n"
        "upgraded b 1.0~rc1-1 -> 1.0-1\n"
        "packages in total: 2, 1.0 MiB -> 2, 3.0 MiB (+2.0 MiB)\n");
  const json report = compose_json({"diff", old_lock, project.recipe_file().string()});
  CHECK(report["different"] == true);
  CHECK(report["base"]["to"]["commit"] == std::string(64, 'b'));
  REQUIRE(report["packages"].size() == 2);
  CHECK(report["packages"][0] == json({{"change", "upgraded"},
                                       {"name", "agent"},
                                       {"from", {{"version", "1.9-1"}, {"repo", "fedora"}}},
                                       {"to", {{"version", "1.10-1"}, {"repo", "fedora"}}},
                                       {"added_bytes", 2U << 20U}}));
  CHECK(report["total"]["to"] == json({{"packages", 2}, {"size_bytes", (3U << 20U) + 10}}));
  CHECK(compose({"diff", project.recipe_file().string(), old_lock}).out.find("downgraded agent 1.10-1 -> 1.9-1") !=
        std::string::npos);
}

TEST_CASE("diff of a lock with itself is no difference, and one that is not there is wrong input") {
  const SmallProject project;
  project.write("recipe.lock", lock_text(""));
  const std::string recipe = project.recipe_file().string();
  const ProcessResult same = compose({"diff", recipe, (project.folder() / "recipe.lock").string()});
  CHECK(same.exit_code == 0);
  CHECK(same.out == "no difference\n");
  CHECK(compose_json({"diff", recipe, recipe})["different"] == false);
  const ProcessResult missing = compose({"diff", recipe, (project.folder() / "none.toml").string()});
  CHECK(missing.exit_code == 3);
  CHECK(missing.err.find("there is no lock '" + (project.folder() / "none.lock").string() + "'") != std::string::npos);
}

TEST_CASE("resolve names what an update changed on stderr, and all of the lock in JSON") {
  const SmallProject project;
  const std::vector<std::string> resolve = with_workspace(project, {"resolve", project.recipe_file().string()});
  const json first = compose_json(resolve);
  CHECK(first["packages"] == json::array());
  CHECK(first["removed_packages"] == json::array());
  CHECK(first["ids"] == json({{"users", json::object()}, {"groups", json::object()}}));
  project.make_base(3U << 20U, "-two");
  std::vector<std::string> update = resolve;
  update.insert(update.begin() + 1, "--update");
  const ProcessResult updated = compose(update);
  CHECK(updated.exit_code == 0);
  CHECK(updated.err.find("changed base base (") != std::string::npos);
  CHECK(updated.err.find(" -> base-two (") != std::string::npos);
  CHECK(compose(update).err.find("no difference to the lock that was there") != std::string::npos);
}

TEST_CASE("single packages are renewed only with --update, and only those that the lock has") {
  const SmallProject project;
  const auto resolve = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"resolve", project.recipe_file().string()});
    return compose(with_workspace(project, arguments));
  };
  const ProcessResult without_lock = resolve({"--update", "agent"});
  CHECK(without_lock.exit_code == 3);
  CHECK(without_lock.err.find("recipe.lock yet, of which single packages could be renewed") != std::string::npos);
  project.write("recipe.lock", lock_text(package("agent-1.9-1.x86_64", 7) + package("bash-5-1.x86_64", 7)));
  const ProcessResult without_update = resolve({"agent"});
  CHECK(without_update.exit_code == 2);
  CHECK(without_update.err.find("say --update") != std::string::npos);
  const ProcessResult unknown = resolve({"--update", "agent", "bsah"});
  CHECK(unknown.exit_code == 3);
  CHECK(unknown.err.find("the lock has no package 'bsah'; did you mean 'bash'?") != std::string::npos);
  CHECK(unknown.err.find("it has: agent, bash") != std::string::npos);
  CHECK(read_file(project.folder() / "recipe.lock").find("agent-1.9-1") != std::string::npos);
}

TEST_CASE("check reads a recipe's .repo files and tells their problems like the recipe's") {
  const SmallProject project;
  project.write("recipe.toml", project.recipe() + "[packages]\nrepos = [\"x.repo\"]\ninstall = [\"agent\"]\n");
  project.write("x.repo", "[x]\nbaseurl=https://example.org/$releasever/$basearch\ngpgkey=https://example.org/key\n");
  CHECK(compose({"check", project.recipe_file().string()}).exit_code == 0);
  project.write("x.repo", "[x]\nbaseurl=https://example.org/$relesever\n");
  const ProcessResult wrong = compose({"check", project.recipe_file().string()});
  CHECK(wrong.exit_code == 3);
  CHECK(wrong.err.find("x.repo:2: [x] baseurl: unknown variable '$relesever'") != std::string::npos);
}

TEST_CASE("log shows what each layer of the chain adds, changes and removes, and what is still to be made") {
  const SmallProject project;
  const std::string recipe = project.recipe_file().string();
  const std::vector<std::string> log = with_workspace(project, {"log", recipe});
  CHECK(compose(log).exit_code == 3);
  compose_json(with_workspace(project, {"resolve", recipe}));
  const json planned = compose_json(log);
  REQUIRE(planned["layers"].size() == 3);
  CHECK(planned["layers"][2] == json({{"name", "finish"}, {"commit", nullptr}}));

  const json built = compose_json(with_workspace(project, {"build", recipe, "--to", "commit"}));
  const json made = compose_json(log);
  CHECK(made["name"] == "small");
  const json& base = made["layers"][0];
  CHECK(base["name"] == "base");
  CHECK(base["added_bytes"].get<std::uint64_t>() > 3U << 20U);
  CHECK(base["added"].get<int>() > 40);
  CHECK(base["removed"] == 0);
  CHECK(made["layers"][1] == json({{"name", "overlay:host"},
                                   {"commit", built["layers"][1]["commit"]},
                                   {"added_bytes", 6},
                                   {"added", 1},
                                   {"changed", 0},
                                   {"removed", 0}}));
  CHECK(made["layers"][2]["commit"] == built["commit"]);
  CHECK(made["layers"][2]["added_bytes"] == built["layers"][2]["added_bytes"]);

  std::uint64_t in_tree = 0;
  auto repository = ostree::Repository::open(project.folder() / "work/repo");
  ostree::for_each_changed(repository, "", built["commit"].get<std::string>(),
                           [&](const std::string&, const auto&, const auto& node) {
                             if (node->kind == ostree::NodeKind::file) in_tree += node->size_bytes;
                           });
  CHECK(made["total_bytes"] == in_tree);
  const std::string text = compose(log).out;
  CHECK(text.find("overlay:host             " + built["layers"][1]["commit"].get<std::string>().substr(0, 12)) !=
        std::string::npos);
  CHECK(text.find("+6 B  files: 1 added, 0 changed, 0 removed") != std::string::npos);
}

}  // namespace
}  // namespace compose::cli
