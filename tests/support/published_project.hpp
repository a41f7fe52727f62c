#pragma once
// A small project with a repository for its hosts, and what a host of it is.

#include <map>
#include <string>
#include <vector>

#include "support/gpg_key.hpp"
#include "support/os_fixture.hpp"
#include "support/program.hpp"

namespace compose::tests {

// A project whose versions differ in one large file, with a repository for its hosts.
class PublishedProject {
 public:
  enum class Keys { gpg, ed25519 };

  static inline const std::string ref = "test/x86_64/small";
  static inline const std::string home_url = "https://hosts.example.org/repo";

  // `more` are further keys of [publish.ostree], `place` the one for where it is.
  explicit PublishedProject(Keys keys = Keys::gpg, const std::string& more = {},
                            const std::string& place = "path = \"public/repo\"\nurl = \"" + home_url + "\"\n")
      : keys_(keys), more_(more), place_(place) {
    if (keys == Keys::ed25519) {  // in what a host of ours would have: a libostree that can verify it
      project.write("overlays/host/usr/bin/ostree", "libcurl gpgme sign-ed25519\n");
    }
    set_version("1");
  }

  void set_version(const std::string& version, const std::string& salt = {}) {
    std::string recipe = project.recipe();
    recipe.replace(recipe.find("\"1.0\""), 5, "\"" + version + "\"");
    recipe += "[publish.ostree]\n" + place_;
    if (keys_ == Keys::gpg) {
      recipe += "gpg-key = \"" + key.public_file().string() +
                "\"\ngpg-secret-key = \"file:" + key.secret_file().string() + "\"\n";
    }
    project.write("recipe.toml", recipe + more_);
    project.write("overlays/host/usr/share/blob", noise(400'000, 7) + version + salt);
  }
  std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> all{"publish", project.recipe_file().string(), "--workspace", workspace().string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  // Publishes; the target's part of the report.
  nlohmann::json publish(std::vector<std::string> more = {}) const {
    return compose_json(arguments(std::move(more)), environment)["ostree"];
  }
  nlohmann::json publish_version(const std::string& version) {
    set_version(version);
    return publish();
  }
  std::string refusal(std::vector<std::string> more = {}) const {
    const ProcessResult result = compose(arguments(std::move(more)), environment);
    CHECK(result.exit_code == 3);
    return result.err;
  }
  nlohmann::json prune(const std::string& how) const {
    return compose_json({"publish", "prune", project.recipe_file().string(), how, "--workspace", workspace().string()},
                        environment)["ostree"];
  }

  fs::path workspace() const { return project.folder() / workspace_name; }
  fs::path repository() const { return project.folder() / "public/repo"; }
  std::string commit() const { return run_checked({"ostree", repo(), "rev-parse", ref}).substr(0, 64); }
  std::string repo() const { return "--repo=" + repository().string(); }

  const SmallProject project;
  const GpgKey key;
  std::map<std::string, std::string> environment;  // of the program
  std::string workspace_name = "work";

 private:
  Keys keys_;
  std::string more_;
  std::string place_;
};

// What an image of the project is, as far as upgrading goes: a repository, the remote's file, the keys.
class Host {
 public:
  Host(const PublishedProject& published, const std::string& url) : folder_(fs::temp_directory_path(), "host-") {
    const std::string source = "--repo=" + (published.workspace() / "repo").string();
    run_checked({"ostree", repo(), "init", "--mode=bare-user"});
    const std::string remotes = "/usr/etc/ostree/remotes.d/small";
    std::string config = run_checked({"ostree", source, "cat", PublishedProject::ref, remotes + ".conf"});
    const std::size_t line = config.find("url=");
    config.replace(line, config.find('\n', line) - line, "url=" + url);
    write_file_atomically(path() / "config", read_file(path() / "config") + config);
    write_file_atomically(path() / "small.trustedkeys.gpg",
                          run_checked({"ostree", source, "cat", PublishedProject::ref, remotes + ".trustedkeys.gpg"}));
  }

  ProcessResult pull(std::vector<std::string> more = {}) const {
    std::vector<std::string> command{"ostree", repo(), "pull", "small", PublishedProject::ref};
    command.insert(command.end(), more.begin(), more.end());
    return run(command, {{{"LC_ALL", "C"}}, {}, {}});
  }
  void must_pull(std::vector<std::string> more = {}) const {
    const ProcessResult result = pull(std::move(more));
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    CHECK(run({"ostree", "fsck", repo()}).exit_code == 0);
  }
  std::string must_refuse() const {
    const std::string before = commit();
    const ProcessResult result = pull();
    CHECK(result.exit_code == 1);
    CHECK(commit() == before);
    return result.err;
  }
  std::string commit() const {
    return run({"ostree", repo(), "rev-parse", "small:" + PublishedProject::ref}).out.substr(0, 64);
  }
  std::string content(const std::string& file) const {
    return run_checked({"ostree", repo(), "cat", "small:" + PublishedProject::ref, file});
  }
  fs::path path() const { return folder_.path() / "repo"; }
  std::string repo() const { return "--repo=" + path().string(); }

 private:
  TemporaryDirectory folder_;
};

}  // namespace compose::tests
