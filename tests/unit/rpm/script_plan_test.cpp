#include "rpm/script_plan.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

using namespace compose;
using namespace compose::rpm;
using Catch::Contains;
using Catch::Equals;

namespace {

PackageInfo package(const std::string& name, std::vector<Script> scripts, std::vector<std::string> files = {},
                    std::vector<Trigger> triggers = {}) {
  PackageInfo info;
  info.nevra.name = name;
  info.scripts = std::move(scripts);
  info.triggers = std::move(triggers);
  for (auto& path : files) {
    PackageFile file;
    file.ghost = path.ends_with("ghost");
    file.path = std::move(path);
    info.files.push_back(std::move(file));
  }
  return info;
}

Trigger file_trigger(Trigger::Kind kind, const std::string& prefix, int priority, const std::string& text) {
  return {kind, "in", {prefix}, priority, {"/bin/sh"}, text};
}

std::vector<std::string> names(const std::vector<PlannedScript>& scripts) {
  std::vector<std::string> names;
  for (const auto& script : scripts) names.push_back(script.name);
  return names;
}

constexpr auto transaction = Trigger::Kind::transaction_file;

}  // namespace

TEST_CASE("Scripts run in three groups, in the order of the packages, with the argument of an install or an update") {
  const std::vector<Script> all{{ScriptKind::posttrans, {"/bin/sh"}, "3"},
                                {ScriptKind::post, {"/bin/bash", "-e"}, "2"},
                                {ScriptKind::pre, {}, "1"}};
  const ScriptPlan plan = plan_scripts({package("b", all), package("a", all)}, {"a"}, {}, {});
  CHECK_THAT(names(plan.before), Equals(std::vector<std::string>{"b.pre", "a.pre"}));
  CHECK_THAT(names(plan.after), Equals(std::vector<std::string>{"b.post", "a.post"}));
  CHECK_THAT(names(plan.end), Equals(std::vector<std::string>{"b.posttrans", "a.posttrans"}));
  CHECK(plan.before[0].arguments == std::vector<std::string>{"1"});
  CHECK(plan.before[1].arguments == std::vector<std::string>{"2"});
  CHECK(plan.before[0].interpreter == std::vector<std::string>{"/bin/sh"});
  CHECK(plan.after[0].interpreter == std::vector<std::string>{"/bin/bash", "-e"});
  CHECK(plan.after[0].text == "2");
  CHECK(plan.skipped.empty());
  CHECK(plan_scripts({}, {}, {}, {}).empty());
}

TEST_CASE("A program without a text gets no arguments") {
  const ScriptPlan plan = plan_scripts({package("lib", {{ScriptKind::post, {"/sbin/ldconfig"}, ""}})}, {}, {}, {});
  REQUIRE(plan.after.size() == 1);
  CHECK(plan.after[0].arguments.empty());
}

TEST_CASE("Scripts of removal and of before the transaction never run, in whatever language") {
  std::vector<Script> scripts;
  for (const ScriptKind kind : {ScriptKind::preun, ScriptKind::postun, ScriptKind::pretrans, ScriptKind::verify})
    scripts.push_back({kind, {"<lua>"}, "x"});
  Trigger removal{Trigger::Kind::package, "un", {"x"}, 1000000, {"/bin/sh"}, ""};
  const ScriptPlan plan = plan_scripts({package("a", scripts, {}, {removal})}, {}, {}, {});
  CHECK(plan.empty());
  CHECK(plan.skipped.size() == 5);
  CHECK(plan.skipped[0] == "a.triggerun: never runs when a tree is composed");
  CHECK(plan.skipped[1] == "a.preun: never runs when a tree is composed");
}

TEST_CASE("What is known to do no good is passed over, with the reason") {
  const ScriptPlan plan =
      plan_scripts({package("setup", {{ScriptKind::post, {"<lua>"}, "x"}}),
                    package("kernel-rt-core", {{ScriptKind::posttrans, {}, "kernel-install"}}),
                    package("authselect", {{ScriptKind::posttrans, {"<lua>"}, "\n-- rpm-ostree-skip\n"}})},
                   {}, {}, {});
  CHECK(plan.empty());
  REQUIRE(plan.skipped.size() == 3);
  CHECK(plan.skipped[0] == "setup.post: converts what older versions left");
  CHECK_THAT(plan.skipped[1], Contains("kernel-rt-core.posttrans: depmod, dracut"));
  CHECK(plan.skipped[2] == "authselect.posttrans: the package says so to rpm-ostree");
}

TEST_CASE("Lua and triggers for packages are refused, with the line that lets them go, and the line works") {
  const auto lua = package("a", {{ScriptKind::post, {"<lua>"}, "print(1)"}});
  try {
    plan_scripts({lua}, {}, {}, {});
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    CHECK(error.what() == std::string("the script a.post is written in Lua, which only rpm itself can run"));
    CHECK(error.hint() == "if the tree does without it: [packages] ignore-scripts = [\"a.post\"]");
  }
  for (const std::string ignored : {"a.post", "a.*"}) {
    const ScriptPlan plan = plan_scripts({lua}, {}, {}, {ignored});
    CHECK(plan.empty());
    CHECK_THAT(plan.skipped, Equals(std::vector<std::string>{"a.post: the recipe says so"}));
  }
  const auto waits = package("b", {}, {}, {{Trigger::Kind::package, "in", {"bash"}, 1000000, {"/bin/sh"}, "x"}});
  CHECK_THROWS_WITH(plan_scripts({waits}, {}, {}, {}),
                    "the script b.triggerin waits for another package, which is not supported");
  CHECK(plan_scripts({waits}, {}, {}, {"b.triggerin"}).empty());
}

TEST_CASE("Files set off triggers once at the end, by priority, the base's first, and their paths are the input") {
  const std::vector<InstalledTrigger> base{
      {{"fontconfig", "0", "1", "1", "x86_64"}, file_trigger(transaction, "/usr/share/fonts", 1000000, "fc-cache")},
      {{"late", "0", "1", "1", "x86_64"}, file_trigger(transaction, "/usr/lib", 100, "late")},
      {{"never", "0", "1", "1", "x86_64"}, file_trigger(transaction, "/usr/share/icons", 1000000, "icons")}};
  const auto fonts =
      package("fonts", {{ScriptKind::posttrans, {}, "x"}}, {"/usr/share/fonts/b.ttf", "/usr/share/fonts/ghost"});
  const auto more = package("more", {}, {"/usr/share/fonts/a.ttf", "/usr/lib/x"},
                            {file_trigger(transaction, "/usr/lib", 2000000, "early"),
                             file_trigger(transaction, "/usr/share/fonts", 1000000, "own")});
  const ScriptPlan plan = plan_scripts({fonts, more}, {}, base, {});
  CHECK_THAT(names(plan.end), Equals(std::vector<std::string>{"fonts.posttrans", "more.transfiletriggerin",
                                                              "fontconfig.transfiletriggerin",
                                                              "more.transfiletriggerin", "late.transfiletriggerin"}));
  REQUIRE(plan.end.size() == 5);
  CHECK(plan.end[1].text == "early");
  CHECK(plan.end[2].input == "/usr/share/fonts/a.ttf\n/usr/share/fonts/b.ttf\n");
  CHECK(plan.end[4].input == "/usr/lib/x\n");
  CHECK(plan.after.empty());
}

TEST_CASE("A trigger in Lua counts only when files set it off") {
  std::vector<InstalledTrigger> base{
      {{"x", "0", "1", "1", "noarch"}, {transaction, "in", {"/usr/share/x"}, 1000000, {"<lua>"}, "x"}}};
  CHECK(plan_scripts({package("a", {}, {"/usr/bin/a"})}, {}, base, {}).empty());
  CHECK_THROWS_WITH(plan_scripts({package("a", {}, {"/usr/share/x/a"})}, {}, base, {}),
                    Contains("x.transfiletriggerin is written in Lua"));
}

TEST_CASE("A script that cannot be expanded safely is refused, with the reason") {
  const auto package_with_macro = package("a", {{ScriptKind::post, {"/bin/sh"}, "%(x)", "it uses the macro '%(x)'"}});
  CHECK_THROWS_WITH(plan_scripts({package_with_macro}, {}, {}, {}),
                    "the script a.post cannot be run: it uses the macro '%(x)'");
  CHECK(plan_scripts({package_with_macro}, {}, {}, {"a.post"}).empty());
}

TEST_CASE("Triggers for each package run after that package's own script") {
  const auto a = package("a", {{ScriptKind::post, {}, "x"}}, {"/usr/lib/a"},
                         {file_trigger(Trigger::Kind::file, "/usr/lib", 1000000, "t")});
  const auto b = package("b", {{ScriptKind::post, {}, "x"}}, {"/usr/lib/b"});
  const ScriptPlan plan = plan_scripts({a, b}, {}, {}, {});
  CHECK_THAT(names(plan.after),
             Equals(std::vector<std::string>{"a.post", "a.filetriggerin", "b.post", "a.filetriggerin"}));
  CHECK(plan.after[1].input == "/usr/lib/a\n");
  CHECK(plan.after[3].input == "/usr/lib/b\n");
}
