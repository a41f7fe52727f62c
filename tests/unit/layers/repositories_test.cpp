#include "layers/repositories.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::layers {
namespace {

// .repo files of the test's own, as a recipe names them.
class Repos {
 public:
  Repos() : folder_(fs::temp_directory_path()) {}

  void add(const std::string& name, const std::string& text) {
    write_file_atomically(folder_.path() / name, text);
    packages.repos.push_back(folder_.path() / name);
  }
  std::vector<rpm::RepoConfig> read() const { return read_repositories(packages, repo_variables("42")); }

  // With the folder's name taken out.
  std::string error() const {
    try {
      read();
      return "";
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::input);
      std::string text = error.what();
      const std::string prefix = folder_.path().string() + "/";
      for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) text.erase(at, prefix.size());
      return text;
    }
  }

  recipe::Packages packages;

 private:
  TemporaryDirectory folder_;
};

std::string section(const std::string& id, const std::string& more) {
  return "[" + id + "]\nbaseurl=https://example.org/" + id + "/$releasever/$basearch\n" + more + "\n";
}

TEST_CASE("the repositories of all .repo files are read in the recipe's order") {
  Repos repos;
  repos.add("b.repo", section("two", "gpgkey=two.asc") + section("one", "gpgkey=one.asc"));
  repos.add("a.repo", section("three", "gpgkey=three.asc"));
  const auto read = repos.read();
  REQUIRE(read.size() == 3);
  CHECK(read[0].id == "two");
  CHECK(read[1].id == "one");
  CHECK(read[2].id == "three");
  CHECK(read[2].base_urls == std::vector<std::string>{"https://example.org/three/42/x86_64"});
  CHECK(read[2].gpg_check);
}

TEST_CASE("packages go unchecked only where the recipe says so, whatever is signed besides") {
  Repos repos;
  repos.add("x.repo", section("open", "gpgcheck=0") + section("keyless", "") +
                          section("metadata", "gpgcheck=0\nrepo_gpgcheck=1\ngpgkey=x.asc"));
  CHECK(
      repos.error() ==
      "x.repo:1: [open] has gpgcheck=0: write gpgcheck=1 and a gpgkey, or unsigned = [\"open\"] in the recipe's "
      "[packages] to take its packages without a signature\n"
      "x.repo:4: [keyless] has no gpgkey to verify its packages with: add it, or write unsigned = [\"keyless\"] in the "
      "recipe's [packages] to take them without a signature\n"
      "x.repo:7: [metadata] has gpgcheck=0: write gpgcheck=1 and a gpgkey, or unsigned = [\"metadata\"] in the "
      "recipe's [packages] to take its packages without a signature");
  repos.packages.unsigned_repos = {"open", "keyless", "metadata", "local"};
  const auto read = repos.read();
  REQUIRE(read.size() == 3);
  for (const auto& repo : read) CHECK_FALSE(repo.gpg_check);
  CHECK(read[2].repo_gpg_check);
}

TEST_CASE("problems of all .repo files are told at once") {
  Repos repos;
  repos.add("a.repo", section("one", "gpgkey=a.asc"));
  repos.add("b.repo", section("one", "gpgkey=a.asc") + section("local", "gpgkey=a.asc"));
  repos.packages.unsigned_repos = {"oen", "other"};
  CHECK(repos.error() ==
        "b.repo:1: [one] is there already: a.repo:1\n"
        "b.repo:4: [local] is what the recipe's own package files are called: take another id\n"
        "[packages] unsigned: no enabled repository is called 'oen'; did you mean 'one'?\n"
        "[packages] unsigned: no enabled repository is called 'other'");
  repos.add("c.repo", "[other]\nbaseurl=ftp://example.org\n");
  CHECK(repos.error() ==
        "b.repo:1: [one] is there already: a.repo:1\n"
        "b.repo:4: [local] is what the recipe's own package files are called: take another id\n"
        "c.repo:2: [other] baseurl: 'ftp://example.org' begins with none of http://, https:// and file://");
}

}  // namespace
}  // namespace compose::layers
