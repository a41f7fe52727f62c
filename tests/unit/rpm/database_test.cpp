#include "rpm/database.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/rpm_fixture.hpp"

namespace compose::rpm {
namespace {

using tests::RpmFixture;
using tests::Spec;
using tests::spec_with_file;

constexpr std::uint64_t noon = 1700000000;

class Databases : public RpmFixture {
 public:
  Databases() {
    Spec one = spec_with_file("one", "/usr/share/one", "one");
    one.tags = {"Provides: agent = 7", "Provides: /bin/sh"};
    Spec two = spec_with_file("two", "/usr/share/two", "two");
    two.tags = {"Requires: agent"};
    two.body += "%transfiletriggerin -P 5 -- /usr/lib/x\necho x\n%triggerin -- bash\necho y\n";
    packages = {build(one), build(two)};
  }

  // A new folder with these in its database.
  fs::path make(const std::string& name, const std::vector<fs::path>& files, std::uint64_t time = noon) {
    const fs::path folder = path() / name;
    fs::create_directories(folder);
    update_database(folder, files, {}, time);
    return folder;
  }

  std::string rpm(const fs::path& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"rpm", "--dbpath", folder.string()});
    return run_checked(arguments, options());
  }

  std::vector<fs::path> packages;
};

std::string bytes_of(const fs::path& folder) { return read_file(folder / "rpmdb.sqlite"); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  return names;
}

TEST_CASE("packages added to a database are read from it again") {
  Databases databases;
  const fs::path folder = databases.make("db", databases.packages);
  const auto installed = installed_packages(folder);
  REQUIRE(installed.size() == 2);
  CHECK(to_text(installed[0]) == "one-1-1.noarch");
  const auto two = installed_package(folder, installed[1]);
  REQUIRE(two.has_value());
  CHECK(two->files.at(0).path == "/usr/share/two");
  CHECK_FALSE(installed_package(folder, parse_nevra("one-2-1.noarch")).has_value());
  const auto triggers = installed_file_triggers(folder);
  REQUIRE(triggers.size() == 1);
  CHECK(triggers[0].package.name == "two");
  CHECK(triggers[0].trigger.priority == 5);
  const auto owners = owners_of(folder, {"/usr/share/one", "/usr/share/none"});
  REQUIRE(owners.size() == 1);
  CHECK(owners.at("/usr/share/one") == std::vector<Nevra>{installed[0]});
}

TEST_CASE("a database's bytes depend neither on the arguments' order nor on the folder, the clock or who makes it") {
  Databases databases;
  const std::string bytes = bytes_of(databases.make("db", databases.packages));
  CHECK(bytes_of(databases.make("other/folder", {databases.packages[1], databases.packages[0]})) == bytes);
  ::sleep(1);
  CHECK(bytes_of(databases.make("later", databases.packages)) == bytes);
  CHECK(bytes_of(databases.make("other-time", databases.packages, noon + 1)) != bytes);
}

TEST_CASE("root and an ordinary user make the same database") {
  if (::geteuid() != 0) return;  // then the other tests are the ordinary user's
  Databases databases;
  const std::string bytes = bytes_of(databases.make("db", databases.packages));
  const fs::path folder = databases.path() / "user";
  fs::create_directories(folder);
  REQUIRE(::chown(folder.c_str(), 65534, 65534) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    try {
      update_database(folder, databases.packages, {}, noon);
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  CHECK(bytes_of(folder) == bytes);
}

TEST_CASE("a database is one file, without log or lock, that rpm reads where nothing can be written") {
  Databases databases;
  const fs::path folder = databases.make("db", databases.packages);
  CHECK(names_in(folder) == std::vector<std::string>{"rpmdb.sqlite"});
  fs::permissions(folder / "rpmdb.sqlite", fs::perms(0444));
  fs::permissions(folder, fs::perms(0555));
  CHECK(databases.rpm(folder, {"-qa", "--qf", "%{NAME} "}).find("one ") != std::string::npos);
  CHECK(databases.rpm(folder, {"-q", "--whatprovides", "agent"}) == "one-1-1.noarch\n");
  CHECK(databases.rpm(folder, {"-q", "--qf", "%{INSTALLTID}", "two"}) == std::to_string(noon));
  CHECK(names_in(folder) == std::vector<std::string>{"rpmdb.sqlite"});
  fs::permissions(folder, fs::perms(0755));
}

TEST_CASE("a package is taken out and another version put in, in one step") {
  Databases databases;
  const fs::path folder = databases.make("db", databases.packages);
  Spec newer = spec_with_file("one", "/usr/share/one", "newer");
  newer.version = "2";
  newer.tags = {"Provides: agent = 8", "Provides: /bin/sh"};
  update_database(folder, {databases.build(newer)}, {parse_nevra("one-1-1.noarch")}, noon);
  CHECK(databases.rpm(folder, {"-q", "one"}) == "one-2-1.noarch\n");
  update_database(folder, {}, {parse_nevra("two-1-1.noarch")}, noon);
  CHECK(installed_packages(folder).size() == 1);
  CHECK(names_in(folder) == std::vector<std::string>{"rpmdb.sqlite"});
  CHECK_THROWS_AS(update_database(folder, {}, {parse_nevra("two-1-1.noarch")}, noon), Error);
}

TEST_CASE("a write-ahead log that somebody left is read and written into the database") {
  Databases databases;
  const fs::path folder = databases.make("db", {databases.packages[0]});
  databases.rpm(folder, {"-i", "--justdb", databases.packages[1].string()});
  CHECK(installed_packages(folder).size() == 2);
  update_database(folder, {}, {}, noon);
  CHECK(installed_packages(folder).size() == 2);
}

TEST_CASE("what is no database is an error") {
  Databases databases;
  const fs::path folder = databases.path() / "bad";
  fs::create_directories(folder);
  CHECK_THROWS_AS(installed_packages(folder), Error);
  write_file_atomically(folder / "rpmdb.sqlite", std::string(20000, 'x'));
  CHECK_THROWS_AS(installed_packages(folder), Error);
  CHECK_THROWS_AS(update_database(folder, databases.packages, {}, noon), Error);
}

TEST_CASE("a database is changed without writing anywhere else") {
  Databases databases;
  const fs::path home = databases.path() / "someones-home";
  fs::create_directories(home);
  ::setenv("HOME", home.c_str(), 1);
  databases.make("db", databases.packages);
  installed_packages(databases.path() / "db");
  CHECK(fs::is_empty(home));
  CHECK_FALSE(fs::exists("/nonexistent"));
}

TEST_CASE("with a database given, packages that lack something are named with what they lack") {
  Databases databases;
  const fs::path folder = databases.make("db", {databases.packages[0]});
  CHECK(install_order({databases.packages[1]}, folder, {}) == std::vector<std::size_t>{0});
  CHECK_THROWS_WITH(install_order({databases.packages[1]}, folder, {parse_nevra("one-1-1.noarch")}),
                    Catch::Contains("agent is needed by two-1-1.noarch"));
}

}  // namespace
}  // namespace compose::rpm
