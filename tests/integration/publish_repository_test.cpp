// `publish` to a repository for hosts as a command, with the real `ostree` as the host: it pulls over http, with the
// remote's file and keys that the image has.

#include <atomic>
#include <set>
#include <thread>

#include <catch2/catch.hpp>

#include "support/http_folder.hpp"
#include "support/published_project.hpp"

namespace compose::tests {
namespace {

using nlohmann::json;

const std::string ref = PublishedProject::ref;

// The repositories of a project over http, and what was fetched.
class Web {
 public:
  explicit Web(const PublishedProject& published)
      : root_(published.project.folder() / "public"), server_(root_, published.project.folder() / "http.log") {}

  std::string url(const std::string& name = "repo") const { return server_.url() + "/" + name; }
  struct Fetched {
    std::uint64_t object_bytes = 0;
    std::uint64_t delta_bytes = 0;
  };
  // Since the last call.
  Fetched fetched() {
    Fetched fetched;
    const auto all = server_.requested("200");
    for (std::size_t index = seen_; index < all.size(); ++index) {
      const std::uint64_t bytes = fs::file_size(root_ / all[index]);
      if (all[index].find("/objects/") != std::string::npos) fetched.object_bytes += bytes;
      if (all[index].find("/deltas/") != std::string::npos) fetched.delta_bytes += bytes;
    }
    seen_ = all.size();
    return fetched;
  }

 private:
  fs::path root_;
  HttpFolder server_;
  std::size_t seen_ = 0;
};

TEST_CASE("a host pulls what was published, verified by the remote that its image has, and by delta") {
  PublishedProject published;
  const json first = published.publish();
  CHECK(first["changed"] == true);
  CHECK(first["objects"] > 40);
  CHECK(first["deltas"].empty());
  Web web(published);
  const Host host(published, web.url());
  const Host by_objects(published, web.url());
  host.must_pull();
  by_objects.must_pull();
  CHECK(host.commit() == published.commit());
  web.fetched();

  const json second = published.publish_version("2");
  CHECK(second["history"][0]["version"] == "2");
  CHECK(second["history"][1]["version"] == "1");
  REQUIRE(second["deltas"].size() == 1);
  CHECK(second["deltas"][0]["from"] == host.commit());
  host.must_pull();
  const auto delta = web.fetched();
  CHECK(delta.delta_bytes == second["deltas"][0]["bytes"]);
  CHECK(host.content("/usr/share/blob").ends_with("2"));
  by_objects.must_pull({"--disable-static-deltas"});
  const auto objects = web.fetched();
  CHECK(objects.delta_bytes == 0);
  CHECK(delta.delta_bytes * 10 < objects.object_bytes);
  CHECK(run({"ostree", "fsck", published.repo()}).exit_code == 0);
}

// libostree 2022.2 to 2023.6 may fetch objects beside a delta; here it cannot.
TEST_CASE("a delta is all that a host needs") {
  PublishedProject published;
  published.publish();
  std::optional<Host> host;
  {
    Web web(published);
    host.emplace(published, web.url());
    host->must_pull();
  }
  published.publish_version("2");
  for (fs::recursive_directory_iterator entry(published.repository() / "deltas"), end; entry != end; ++entry) {
    if (entry->path().filename() != "superblock") continue;
    run_checked({"ostree", host->repo(), "static-delta", "apply-offline", entry->path().string()});
  }
  const std::string second = published.commit();
  CHECK(run_checked({"ostree", host->repo(), "cat", second, "/usr/share/blob"}).ends_with("2"));
  CHECK(run({"ostree", "fsck", host->repo()}).exit_code == 0);
}

TEST_CASE("publishing the same again changes nothing, not a byte and not a time") {
  PublishedProject published;
  published.publish();
  const auto state = [&] {
    std::map<std::string, std::pair<std::string, std::time_t>> files;
    for (fs::recursive_directory_iterator entry(published.repository()), end; entry != end; ++entry) {
      if (!fs::is_regular_file(entry->path())) continue;
      files[entry->path().string()] = {sha256_of_file(entry->path()), fs::last_write_time(entry->path())};
    }
    return files;
  };
  const auto before = state();
  const json plan = published.publish({"--plan"});
  CHECK(plan["up_to_date"] == true);
  CHECK(published.publish()["changed"] == false);
  CHECK(state() == before);
}

TEST_CASE("a plan tells what would be copied and makes nothing") {
  PublishedProject published;
  json plan = published.publish({"--plan"});
  CHECK(plan["built"] == false);
  compose_json({"build", published.project.recipe_file().string(), "--to", "commit", "--workspace",
                published.workspace().string()});
  plan = published.publish({"--plan"});
  CHECK(plan["new_repository"] == true);
  CHECK(plan["bytes"] > 3'000'000);
  CHECK_FALSE(fs::exists(published.repository()));
  const json done = published.publish();
  CHECK(done["objects"] == plan["objects"]);
  CHECK(done["bytes"] == plan["bytes"]);
  published.set_version("2");
  compose_json({"build", published.project.recipe_file().string(), "--to", "commit", "--workspace",
                published.workspace().string()});
  const std::string summary = read_file(published.repository() / "summary");
  plan = published.publish({"--plan"});
  CHECK(plan["up_to_date"] == false);
  CHECK(plan["deltas"].size() == 1);
  CHECK(plan["objects"] < 20);
  CHECK(plan["history"].size() == 2);
  CHECK(read_file(published.repository() / "summary") == summary);
}

TEST_CASE("a version with other content, and a version from before, are not published unless asked") {
  PublishedProject published;
  published.publish();
  published.set_version("1", "changed");
  CHECK(published.refusal().find("version 1 of 'test/x86_64/small' is published already") != std::string::npos);
  CHECK(published.refusal({"--plan"}).find("raise [recipe] version") != std::string::npos);
  published.publish_version("2");
  published.set_version("1");
  CHECK(published.refusal().find("would go back from version 2 to 1") != std::string::npos);
  CHECK(published.refusal({"--plan"}).find("--allow-downgrade") != std::string::npos);
  const json back = published.publish({"--allow-downgrade"});
  CHECK(back["history"][0]["version"] == "1");
  CHECK(back["history"].size() == 2);

  // Older by its base.
  auto base = ostree::Repository::open(published.project.base_repository());
  ostree::CommitMetadata metadata;
  metadata.timestamp = 1600000000;
  ostree::Transaction transaction(base);
  ostree::Tree tree(base, *base.resolve("test/base"));
  const std::string older = tree.commit(metadata);
  transaction.commit();
  base.set_ref("test/base", older);
  compose_json(
      {"resolve", published.project.recipe_file().string(), "--update", "--workspace", published.workspace().string()});
  published.set_version("3");
  CHECK(published.refusal().find("its base is of 2020-09-13") != std::string::npos);
}

// Copies of the repository in which somebody changed something, beside it.
class Attack {
 public:
  Attack(const PublishedProject& published, const std::string& name)
      : repository(published.repository().parent_path() / name) {
    run_checked({"cp", "-a", published.repository().string(), repository.string()});
  }
  fs::path object(const std::string& commit, const std::string& kind) const {
    return repository / "objects" / commit.substr(0, 2) / (commit.substr(2) + "." + kind);
  }
  std::string repo() const { return "--repo=" + repository.string(); }
  const fs::path repository;
};

void replace_in(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = read_file(file);
  REQUIRE(text.find(from) != std::string::npos);
  text.replace(text.find(from), from.size(), to);
  write_file_atomically(file, text);
}

TEST_CASE("a host refuses what was tampered with, and what others signed") {
  PublishedProject published;
  published.publish();
  Web web(published);
  const Host host(published, web.url("attacked"));
  {
    const Host good(published, web.url());
    good.must_pull();
    run_checked({"ostree", host.repo(), "pull-local", "--remote=small", published.repository().string(), ref});
  }
  published.publish_version("2");
  const std::string commit = published.commit();
  const Attack attack(published, "attacked");

  SECTION("nothing is wrong") { host.must_pull(); }
  SECTION("the commit's text") {
    fs::remove_all(attack.repository / "deltas");
    replace_in(attack.object(commit, "commit"), "small 2", "small 3");
    CHECK(host.must_refuse().find("Corrupted commit object") != std::string::npos);
  }
  SECTION("the commit without its signature") {
    fs::remove_all(attack.repository / "deltas");
    fs::remove(attack.object(commit, "commitmeta"));
    CHECK(host.must_refuse().find("no signatures found") != std::string::npos);
  }
  SECTION("a delta") {
    for (fs::recursive_directory_iterator entry(attack.repository / "deltas"), end; entry != end; ++entry) {
      if (entry->path().filename() == "superblock") replace_in(entry->path(), "small 2", "small 3");
    }
    CHECK(host.must_refuse().find("Invalid checksum for static delta") != std::string::npos);
  }
  SECTION("the summary") {
    replace_in(attack.repository / "summary", ref, "test/x86_64/smell");
    CHECK(host.must_refuse().find("BAD signature") != std::string::npos);
  }
  SECTION("the summary without its signature") {
    fs::remove(attack.repository / "summary.sig");
    CHECK(host.must_refuse().find("no summary.sig found") != std::string::npos);
  }
  SECTION("the summary, signed by another key") {
    const GpgKey other;
    run_checked({"ostree", attack.repo(), "summary", "--update", "--gpg-sign=test@example.invalid",
                 "--gpg-homedir=" + other.home().string()});
    CHECK(host.must_refuse().find("Can't check signature: public key not found") != std::string::npos);
  }
}

// A host may ask for the signature just before and for the summary just after they change: then it tries again.
TEST_CASE("hosts with an older summary in their cache see each new one, and can verify it") {
  PublishedProject published;
  published.publish();
  Web web(published);
  const Host host(published, web.url());
  host.must_pull();
  std::atomic<bool> ended = false;
  std::vector<std::string> failures;
  std::set<std::string> seen;
  std::thread reader([&] {
    while (!ended) {
      ProcessResult result = host.pull({"--commit-metadata-only"});
      if (result.exit_code != 0) result = host.pull({"--commit-metadata-only"});
      if (result.exit_code != 0) failures.push_back(result.err);
      seen.insert(host.commit());
    }
  });
  for (const char* version : {"2", "3", "4"}) published.publish_version(version);
  const std::string last = published.commit();
  ended = true;
  reader.join();
  for (const std::string& failure : failures) INFO(failure);
  CHECK(failures.empty());
  CHECK(seen.size() >= 2);
  host.must_pull();
  CHECK(host.commit() == last);
}

// Kills a publication some time after its stage began.
bool kill_in(const PublishedProject& published, const std::string& stage, int delay_ms) {
  const fs::path progress = published.project.folder() / "progress.jsonl";
  fs::remove(progress);
  std::vector<std::string> command{"sh", "-c", "exec \"$@\" 3>\"$PROGRESS\"", "sh", program};
  const auto arguments = published.arguments({"--progress-fd", "3"});
  command.insert(command.end(), arguments.begin(), arguments.end());
  Child child(
      command,
      {{{"TEST_KEY", test_key}, {"PROGRESS", progress.string()}}, {}, published.project.folder() / "killed.log"});
  const std::string started = "\"stage\":\"" + stage + "\"";
  REQUIRE(wait_until([&] {
    return child.exit_code() || (fs::exists(progress) && read_file(progress).find(started) != std::string::npos);
  }));
  std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
  const bool alive = !child.exit_code();
  child.kill();
  return alive;
}

TEST_CASE("killed at any point, hosts pull the old version or the new one, and the next run completes") {
  PublishedProject published;
  published.publish();
  Web web(published);
  const Host host(published, web.url());
  host.must_pull();
  int version = 1;
  int kills = 0;
  const std::vector<std::pair<std::string, std::vector<int>>> points{
      {"copy", {0, 2, 10}}, {"delta", {0, 3, 20}}, {"summary", {0, 3, 10, 15, 20, 30}}};
  for (const auto& [stage, delays] : points) {
    for (const int delay_ms : delays) {
      INFO(stage << " + " << delay_ms << " ms");
      const std::string before = host.commit();
      published.set_version(std::to_string(++version));
      kills += kill_in(published, stage, delay_ms) ? 1 : 0;
      host.must_pull();
      const std::string after_kill = host.commit();
      const json report = published.publish();
      CHECK((after_kill == before || after_kill == published.commit()));
      CHECK(report["history"][0]["version"] == std::to_string(version));
      host.must_pull();
      CHECK(host.commit() == published.commit());
      for (const auto& entry : fs::directory_iterator(published.repository() / "tmp")) {
        CHECK_FALSE(entry.path().filename().string().starts_with("delta-"));
      }
    }
  }
  CHECK(kills >= 8);
  CHECK(run({"ostree", "fsck", published.repo()}).exit_code == 0);
}

TEST_CASE("without GPG the same versions give the same summary, however often a run was killed") {
  PublishedProject reference(PublishedProject::Keys::ed25519);
  reference.publish();
  const json expected = reference.publish_version("2");
  for (const char* stage : {"copy", "delta", "summary"}) {
    PublishedProject published(PublishedProject::Keys::ed25519);
    published.publish();
    published.set_version("2");
    kill_in(published, stage, 5);
    CHECK(published.publish()["summary_sha256"] == expected["summary_sha256"]);
    CHECK(read_file(published.repository() / "summary") == read_file(reference.repository() / "summary"));
    CHECK(read_file(published.repository() / "summary.sig") == read_file(reference.repository() / "summary.sig"));
  }
}

TEST_CASE("a summary that another program wrote is taken over") {
  PublishedProject published;
  published.publish();
  run_checked({"ostree", published.repo(), "summary", "--update", "--gpg-sign=test@example.invalid",
               "--gpg-homedir=" + published.key.home().string()});
  CHECK_FALSE(fs::is_symlink(published.repository() / "summary"));
  const json report = published.publish_version("2");
  CHECK(report["history"].size() == 2);
  CHECK(run_checked({"ostree", published.repo(), "summary", "-v"}).find("atomic-compose.history") != std::string::npos);
  Web web(published);
  Host(published, web.url()).must_pull();
}

TEST_CASE("prune deletes what no kept version needs, and nothing else, and it asks first") {
  PublishedProject published(PublishedProject::Keys::gpg, "keep = 2\nscratch-delta = true\n");
  published.publish();
  const std::string first = published.commit();
  published.publish_version("2");
  const std::string second = published.commit();
  const json third = published.publish_version("3");
  CHECK(third["forgotten"][0]["commit"] == first);
  CHECK(third["deltas"].size() == 2);
  // Somebody else's ref in the same repository.
  run_checked({"ostree", published.repo(), "refs", "--create=other/ref", first});

  const ProcessResult unasked = compose(
      {"publish", "prune", published.project.recipe_file().string(), "--workspace", published.workspace().string()});
  CHECK(unasked.exit_code == 2);
  CHECK(unasked.err.find("nobody is there to be asked") != std::string::npos);
  CHECK(published.prune("--plan")["objects"] == 0);
  run_checked({"ostree", published.repo(), "refs", "--delete", "other/ref"});
  const json plan = published.prune("--plan");
  CHECK(plan["objects"] == 5);        // commit, root, /usr/share, /usr, the file
  CHECK(plan["deltas"].size() == 3);  // to 1 and to 2 from scratch, from 1 to 2
  CHECK(run({"ostree", published.repo(), "show", first}).exit_code == 0);

  const json pruned = published.prune("--yes");
  CHECK(pruned["objects"] == plan["objects"]);
  CHECK(pruned["deltas"] == plan["deltas"]);
  CHECK(pruned["kept"].size() == 2);
  CHECK(run({"ostree", published.repo(), "show", first}).exit_code == 1);
  CHECK(run_checked({"ostree", published.repo(), "cat", second, "/usr/share/blob"}).ends_with("2"));
  CHECK(run({"ostree", "fsck", published.repo()}).exit_code == 0);
  CHECK(run_checked({"ostree", published.repo(), "static-delta", "list"}).size() == 65U + 130U);
  CHECK(published.prune("--yes")["objects"] == 0);
  Web web(published);
  Host(published, web.url()).must_pull();
}

TEST_CASE("two publishers at once: one waits, and both end well") {
  PublishedProject published;
  published.publish();
  published.set_version("2");
  const fs::path other_workspace = published.project.folder() / "other-work";
  std::vector<std::string> arguments{program, "publish", published.project.recipe_file().string(), "--workspace",
                                     other_workspace.string()};
  run_checked({"cp", "-a", published.workspace().string(), other_workspace.string()});
  Child other(arguments, {{{"TEST_KEY", test_key}}, {}, published.project.folder() / "other.log"});
  const json report = published.publish();
  CHECK(other.wait() == 0);
  CHECK(report["history"].size() == 2);
  CHECK(published.publish()["changed"] == false);
  CHECK(run({"ostree", "fsck", published.repo()}).exit_code == 0);
}

TEST_CASE("another GPG key signs what is there, too, and the deltas bring it") {
  PublishedProject published;
  published.publish();
  Web web(published);
  const Host old_host(published, web.url());
  old_host.must_pull();
  published.publish_version("2");
  const GpgKey next;
  std::string recipe = read_file(published.project.recipe_file());
  for (const auto& [from, to] : {std::pair(published.key.secret_file().string(), next.secret_file().string()),
                                 std::pair(published.key.public_file().string(), next.public_file().string())}) {
    recipe.replace(recipe.find(from), from.size(), to);
  }
  recipe.replace(recipe.find("\"2\""), 3, "\"3\"");
  published.project.write("recipe.toml", recipe);
  published.publish();
  const Host new_host(published, web.url());
  new_host.must_pull();
  CHECK(new_host.commit() == published.commit());
  CHECK(old_host.must_refuse().find("public key not found") != std::string::npos);
}

TEST_CASE("keys that are missing, readable by others or not the right ones are told before anything is published") {
  PublishedProject published;
  fs::permissions(published.key.secret_file(), fs::perms(0644));
  CHECK(published.refusal().find("can be read by others") != std::string::npos);
  fs::permissions(published.key.secret_file(), fs::perms(0600));
  const GpgKey other;
  write_file_atomically(published.key.secret_file(), other.secret(), 0600);
  CHECK(published.refusal().find("has to be the public half") != std::string::npos);
  CHECK_FALSE(fs::exists(published.repository() / "summary"));
  fs::remove(published.key.secret_file());
  CHECK(compose(published.arguments()).err.find("reading the GPG key") != std::string::npos);
}

TEST_CASE("a recipe that does not say where to publish is told what to add") {
  const SmallProject project;
  const ProcessResult result =
      compose({"publish", project.recipe_file().string(), "--workspace", (project.folder() / "work").string()});
  CHECK(result.exit_code == 3);
  CHECK(result.err.find("add [publish.ostree]") != std::string::npos);
  CHECK(compose({"publish"}).exit_code == 2);
}

}  // namespace
}  // namespace compose::tests
