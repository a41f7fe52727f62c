#include "rpm/solve.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/rpm_fixture.hpp"

namespace compose::rpm {
namespace {

using tests::RpmFixture;
using tests::Spec;

Spec spec(const std::string& name, const std::string& version, const std::vector<std::string>& tags = {}) {
  Spec result;
  result.name = name;
  result.version = version;
  result.tags = tags;
  return result;
}

// A base and repositories that all cases look at.
class World {
 public:
  World() {
    base =
        rpms.rpmdb("base", rpms.build_together({spec("base-shell", "5", {"Provides: shell = 5"}), spec("base-old", "1"),
                                                spec("base-user", "1", {"Requires: base-old"})}));
    std::vector<fs::path> packages = rpms.build_together(
        {spec("agent", "1", {"Requires: runtime"}), spec("crun", "1", {"Provides: runtime = 3"}),
         spec("runc", "1", {"Provides: runtime = 2"}), spec("broken", "1", {"Requires: nowhere >= 2"}),
         spec("modern", "1", {"Requires: shell >= 6"}), spec("hater", "1", {"Conflicts: base-old"}),
         spec("friendly", "1", {"Recommends: extra"}), spec("extra", "1"),
         spec("reader", "1", {"Requires: /usr/share/data/list"}), spec("epochal", "1", {"Epoch: 3"})});
    packages.push_back(rpms.build(tests::spec_with_file("data", "/usr/share/data/list", "x")));
    packages.push_back(foreign());
    main = add("main", 99, packages);
    updates = add("updates", 99,
                  rpms.build_together(
                      {spec("agent", "2", {"Requires: runtime"}), spec("base-shell", "6", {"Provides: shell = 6"})}));
    preferred =
        add("preferred", 10, rpms.build_together({spec("extra", "0.5"), spec("crun", "1", {"Provides: runtime = 3"})}));
  }

  fs::path build(const std::string& name, const std::string& version, const std::vector<std::string>& tags = {}) {
    return rpms.build(spec(name, version, tags));
  }

  Metadata add(const std::string& id, int priority, const std::vector<fs::path>& packages,
               const std::vector<std::string>& options = {}) {
    RepoConfig config;
    config.id = id;
    config.base_urls = {"file://" + rpms.repository(id, packages, {}, options).string()};
    config.priority = priority;
    config.place = id + ".repo:1";
    return fetch_metadata({config}, rpms.path() / "cache", *events).at(0);
  }

  RpmFixture rpms;
  std::unique_ptr<Events> events = make_null_events();
  fs::path base;
  Metadata main, updates, preferred;

 private:
  fs::path foreign() {
    Spec result = spec("foreign", "1");
    result.arch = "ppc64le";
    return rpms.build(result);
  }
};

World& world() {
  static World one;
  return one;
}

Request request(const std::vector<std::string>& install) {
  Request result;
  int line = 0;
  for (const auto& text : install) result.install.push_back({text, fmt::format("x.toml:{}:3", ++line)});
  return result;
}

Solution solve_for(const Request& request, const std::vector<Metadata>& repos = {world().main, world().updates}) {
  return solve(world().base, {}, repos, request);
}

// "agent-2-1.noarch@updates", and "-NEVRA" for what goes.
std::vector<std::string> names(const Solution& solution) {
  std::vector<std::string> result;
  for (const auto& package : solution.install) result.push_back(to_text(package.nevra) + "@" + package.repo);
  for (const auto& nevra : solution.remove) result.push_back("-" + to_text(nevra));
  return result;
}

using Names = std::vector<std::string>;

std::string refusal(const Request& request, const std::vector<Metadata>& repos = {world().main, world().updates}) {
  Names solved;
  try {
    solved = names(solve_for(request, repos));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.explain();
  }
  FAIL(fmt::format("solved: {}", fmt::join(solved, " ")));
  return {};
}

using Catch::Contains;

}  // namespace

TEST_CASE("The newest package of a name is taken, with what it needs, each with its place, size and digest") {
  const Solution solution = solve_for(request({"agent"}));
  REQUIRE(names(solution) == Names{"agent-2-1.noarch@updates", "crun-1-1.noarch@main"});
  const fs::path file = world().rpms.path() / "updates/Packages/agent-2-1.noarch.rpm";
  CHECK(solution.install[0].location == "Packages/agent-2-1.noarch.rpm");
  CHECK(solution.install[0].size_bytes == fs::file_size(file));
  CHECK(solution.install[0].sha256 == sha256_of_file(file));
}

TEST_CASE("Packages are asked for by NEVRA, glob, relation, capability and file") {
  CHECK(names(solve_for(request({"agent-1-1.noarch"}))) == Names{"agent-1-1.noarch@main", "crun-1-1.noarch@main"});
  CHECK(names(solve_for(request({"agent < 2"}))) == Names{"agent-1-1.noarch@main", "crun-1-1.noarch@main"});
  CHECK(names(solve_for(request({"run? = 1"}))) == Names{"runc-1-1.noarch@main"});
  CHECK(names(solve_for(request({"e*"}))) == Names{"epochal-3:1-1.noarch@main", "extra-1-1.noarch@main"});
  CHECK(names(solve_for(request({"epochal-3:1-1.noarch"}))) == Names{"epochal-3:1-1.noarch@main"});
  CHECK(names(solve_for(request({"runtime = 2"}))) == Names{"runc-1-1.noarch@main"});
  CHECK(names(solve_for(request({"/usr/share/data/list"}))) == Names{"data-1-1.noarch@main"});
}

TEST_CASE("A file that a package needs and primary.xml does not list is found in the file lists") {
  CHECK(names(solve_for(request({"reader"}))) == Names{"data-1-1.noarch@main", "reader-1-1.noarch@main"});
}

TEST_CASE("What the base has already needs nothing") {
  const Solution solution = solve_for(request({"base-shell", "shell >= 5", "base-user-1-1.noarch"}));
  CHECK(solution.install.empty());
  CHECK(solution.remove.empty());
}

TEST_CASE("A missing provider is told with who needs it and which entry asked for that") {
  const std::string text = refusal(request({"agent", "broken"}));
  CHECK_THAT(text, Contains("nothing provides nowhere >= 2 needed by broken-1-1.noarch"));
  CHECK_THAT(text, Contains("'broken' (x.toml:2:3)"));
  CHECK_THAT(text, !Contains("'agent'"));
}

TEST_CASE("The base's packages stay as they are unless `replace` names them") {
  Request wanted = request({"modern"});
  const std::string text = refusal(wanted);
  CHECK_THAT(text, Contains("cannot install both base-shell-6-1.noarch"));
  CHECK_THAT(text, Contains("'modern' (x.toml:1:3)"));
  CHECK_THAT(text, Contains("`replace` of [packages]"));
  CHECK_THAT(text, Contains("base-shell-5-1.noarch"));
  wanted.replace = {{"base-sh*", "x.toml:9:3"}};
  CHECK(names(solve_for(wanted)) ==
        Names{"base-shell-6-1.noarch@updates", "modern-1-1.noarch@main", "-base-shell-5-1.noarch"});
}

TEST_CASE(
    "A package that the base has in another version is replaced by a version that was asked for, also an older one") {
  Request wanted = request({"base-shell = 4"});
  wanted.replace = {{"base-shell", "x.toml:9:3"}};
  const Metadata old = world().add("old", 99, {world().build("base-shell", "4")});
  CHECK(names(solve_for(wanted, {old})) == Names{"base-shell-4-1.noarch@old", "-base-shell-5-1.noarch"});
}

TEST_CASE("A package that obsoletes one of the base needs that one to be replaceable") {
  const Metadata renewed = world().add(
      "renewed", 99, {world().build("base-new", "2", {"Obsoletes: base-old < 2", "Provides: base-old = 2"})});
  Request wanted = request({"base-new"});
  CHECK_THAT(refusal(wanted, {renewed}), Contains("base-old"));
  wanted.replace = {{"base-old", "x.toml:9:3"}};
  CHECK(names(solve_for(wanted, {renewed})) == Names{"base-new-2-1.noarch@renewed", "-base-old-1-1.noarch"});
}

TEST_CASE("A conflict with the base is told") {
  CHECK_THAT(refusal(request({"hater"})), Contains("hater-1-1.noarch conflicts with base-old"));
}

TEST_CASE("A package of the base goes only together with those that need it, by name") {
  Request wanted;
  wanted.remove = {{"base-old", "x.toml:5:3"}};
  const std::string text = refusal(wanted);
  CHECK_THAT(text, Contains("base-user-1-1.noarch requires base-old"));
  CHECK_THAT(text, Contains("'base-old' (x.toml:5:3)"));
  wanted.remove.push_back({"base-user", "x.toml:6:3"});
  CHECK(names(solve_for(wanted)) == Names{"-base-old-1-1.noarch", "-base-user-1-1.noarch"});
}

TEST_CASE(
    "An entry that means no package names those that are almost called so, and all such entries are told at once") {
  Request wanted = request({"agnet", "frendly"});
  wanted.remove = {{"base-shel", "x.toml:7:3"}};
  const std::string text = refusal(wanted);
  CHECK_THAT(text, Contains("x.toml:1:3: 'agnet': no repository has such a package; almost like it: agent"));
  CHECK_THAT(text, Contains("x.toml:2:3: 'frendly': no repository has such a package; almost like it: friendly"));
  CHECK_THAT(text, Contains("x.toml:7:3: 'base-shel': the base has no such package; almost like it: base-shell"));
}

TEST_CASE("Packages for other architectures are not looked at, and the message says so") {
  CHECK_THAT(refusal(request({"foreign"})), Contains("only for other architectures"));
}

TEST_CASE("An excluded package is not there, by the request's list, the repository's or what it includes") {
  Request wanted = request({"agent"});
  wanted.exclude = {"agent-2*", "crun"};
  CHECK(names(solve_for(wanted)) == Names{"agent-1-1.noarch@main", "runc-1-1.noarch@main"});
  wanted.exclude = {"agent"};
  CHECK_THAT(refusal(wanted), Contains("it is excluded"));

  Metadata fewer = world().main;
  fewer.repo.exclude = {"crun.noarch"};
  CHECK(names(solve_for(request({"agent"}), {fewer})) == Names{"agent-1-1.noarch@main", "runc-1-1.noarch@main"});
  fewer.repo.exclude.clear();
  fewer.repo.include_only = {"agent", "runc"};
  CHECK(names(solve_for(request({"agent"}), {fewer})) == Names{"agent-1-1.noarch@main", "runc-1-1.noarch@main"});
}

TEST_CASE("Of two repositories the preferred one counts, then the version, then the id") {
  CHECK(names(solve_for(request({"extra"}), {world().main, world().preferred})) ==
        Names{"extra-0.5-1.noarch@preferred"});
  Metadata equal = world().preferred;
  equal.repo.priority = 99;
  CHECK(names(solve_for(request({"extra"}), {equal, world().main})) == Names{"extra-1-1.noarch@main"});
  CHECK(names(solve_for(request({"crun"}), {equal, world().main})) == Names{"crun-1-1.noarch@main"});
}

TEST_CASE("Recommended packages come only when asked for") {
  Request wanted = request({"friendly"});
  CHECK(names(solve_for(wanted)) == Names{"friendly-1-1.noarch@main"});
  wanted.weak = true;
  CHECK(names(solve_for(wanted)) == Names{"extra-1-1.noarch@main", "friendly-1-1.noarch@main"});
}

TEST_CASE("A pinned package stays at its version and is preferred, and one that is gone is told") {
  Request wanted = request({"agent"});
  wanted.pinned = {{"agent-1-1.noarch", "main"}, {"runc-1-1.noarch", "main"}, {"extra-1-1.noarch", "main"}};
  CHECK(names(solve_for(wanted)) == Names{"agent-1-1.noarch@main", "runc-1-1.noarch@main"});
  wanted.pinned = {{"agent-1.5-1.noarch", "main"}};
  CHECK_THAT(refusal(wanted), Contains("repository 'main' no longer has agent-1.5-1.noarch"));
}

TEST_CASE("A local file is installed, with what it needs from the repositories") {
  Request wanted;
  wanted.local = {world().build("own", "1", {"Requires: extra"})};
  const Solution solution = solve_for(wanted);
  REQUIRE(names(solution) == Names{"extra-1-1.noarch@main", "own-1-1.noarch@local"});
  CHECK(solution.install[1].location == wanted.local[0].string());
  CHECK(solution.install[1].sha256 == sha256_of_file(wanted.local[0]));
  CHECK(solution.install[1].size_bytes == fs::file_size(wanted.local[0]));

  wanted.local = {world().rpms.path() / "specs/own.spec"};
  CHECK_THAT(refusal(wanted), Contains("own.spec' is not a package"));
}

TEST_CASE("A base without a database offers what is assumed, and nothing else") {
  const std::vector<Metadata> repos{world().main};
  CHECK(names(solve(std::nullopt, {"shell = 7", "/bin/sh"}, repos, request({"modern"}))) ==
        Names{"modern-1-1.noarch@main"});
  CHECK_THROWS_WITH(solve(std::nullopt, {"shell = 5"}, repos, request({"modern"})),
                    Contains("nothing provides shell >= 6 needed by modern-1-1.noarch"));
}

TEST_CASE("A folder without a database is an error, not an empty base") {
  const fs::path empty = world().rpms.path() / "nothing";
  fs::create_directories(empty);
  CHECK_THROWS_WITH(solve(empty, {}, {world().main}, request({"agent"})), Contains("no database is there"));
  write_file_atomically(empty / "rpmdb.sqlite", "this is no database of any kind, but long enough to be one");
  CHECK_THROWS_WITH(solve(empty, {}, {world().main}, request({"agent"})), Contains("cannot be read"));
}

TEST_CASE("A database with a write-ahead log is read with what is in the log") {
  // As a system that runs leaves it: the packages are in the log alone.
  const fs::path source = world().rpms.rpmdb("wal", {world().build("crun", "1", {"Provides: runtime"})});
  REQUIRE(fs::exists(source / "rpmdb.sqlite-wal"));
  CHECK(names(solve(source, {}, {world().main, world().updates}, request({"agent"}))) ==
        Names{"agent-2-1.noarch@updates"});
}

TEST_CASE("The result does not depend on the order of the request, nor on that of the repositories") {
  Metadata equal = world().preferred;
  equal.repo.priority = 99;
  std::vector<Metadata> repos{world().main, world().updates, equal};
  std::vector<Wanted> install = request({"agent", "friendly", "runtime", "e*"}).install;
  const auto by_spec = [](const Wanted& a, const Wanted& b) { return a.spec < b.spec; };
  const auto by_id = [](const Metadata& a, const Metadata& b) { return a.repo.id < b.repo.id; };
  std::sort(install.begin(), install.end(), by_spec);
  std::optional<Names> first;
  do {
    std::sort(repos.begin(), repos.end(), by_id);
    do {
      Request wanted;
      wanted.install = install;
      const Names found = names(solve_for(wanted, repos));
      if (!first) first = found;
      CHECK(found == *first);
    } while (std::next_permutation(repos.begin(), repos.end(), by_id));
  } while (std::next_permutation(install.begin(), install.end(), by_spec));
  CHECK(first->size() == 5);
}

TEST_CASE("A package that its repository knows only by another digest than sha256 is refused by name") {
  const Metadata longer = world().add("longer", 99, {world().build("extra", "1")}, {"--checksum", "sha512"});
  CHECK_THAT(refusal(request({"extra"}), {longer}),
             Contains("repository 'longer': package extra-1-1.noarch has only a sha512 checksum"));

  const Metadata good = world().add("weak", 99, {world().build("extra", "1")});
  std::string primary = run_checked({"zcat", good.primary.string()});
  const std::string before = "<checksum type=\"sha256\" pkgid=\"YES\">";
  primary.replace(primary.find(before), before.size() + 64,
                  "<checksum type=\"sha\" pkgid=\"YES\">" + std::string(40, 'a'));
  Metadata weak = good;
  weak.primary = world().rpms.path() / "weak-primary.xml";
  write_file_atomically(weak.primary, primary);
  CHECK_THAT(refusal(request({"extra"}), {weak}), Contains("package extra-1-1.noarch has only a sha1 checksum"));
}

TEST_CASE("The parsed form of metadata gives what the metadata give, and is made again when it is damaged") {
  const auto parsed = [](const fs::path& file) { return fs::path(file.string() + ".solv"); };
  const Names expected = names(solve_for(request({"reader", "agent"})));
  for (const fs::path& file : {parsed(world().main.primary), parsed(world().main.filelists)}) {
    REQUIRE(fs::exists(file));
    const std::string whole = read_file(file);
    for (const std::string& damaged : {std::string(), whole.substr(0, whole.size() / 2), whole + "x",
                                       std::string(whole).replace(whole.size() / 2, 1, 1, '\xff')}) {
      write_file_atomically(file, damaged);
      CHECK(names(solve_for(request({"reader", "agent"}))) == expected);
      CHECK(read_file(file) == whole);
    }
  }
}

TEST_CASE("Metadata that are no XML are an error that names the repository") {
  Metadata broken = world().preferred;
  broken.primary = world().rpms.path() / "broken-primary.xml";
  write_file_atomically(broken.primary, "<metadata><package type=\"rpm\"><name>x");
  const std::string text = refusal(request({"extra"}), {broken});
  CHECK_THAT(text, Contains("broken-primary.xml' is not metadata of a repository"));
  CHECK_THAT(text, Contains("reading repository 'preferred' (preferred.repo:1)"));
}

}  // namespace compose::rpm
