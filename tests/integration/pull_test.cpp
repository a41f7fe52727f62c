// The base layer against real repositories: folders and http, signed and not.

#include <algorithm>
#include <set>

#include <fcntl.h>

#include <catch2/catch.hpp>

#include "layers/base.hpp"
#include "sign/keys.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/gpg_key.hpp"
#include "support/http_folder.hpp"
#include "support/process.hpp"
#include "support/program.hpp"

namespace compose::layers {
namespace {

using tests::ScratchRepository;
using tests::SmallProject;

// Resolves the base and pulls it into a repository of its own.
std::string fetch(const recipe::Base& base, ScratchRepository& target) {
  const auto events = make_null_events();
  Context context{target.get(), target.folder(), target.folder(), *events};
  const std::string commit = resolve_base(context, base);
  return base_layer(base, commit).make(context, "");
}

// Pulls with the commit known from a lock, as `build` does.
std::string fetch_locked(const recipe::Base& base, const std::string& commit, ScratchRepository& target) {
  const auto events = make_null_events();
  Context context{target.get(), target.folder(), target.folder(), *events};
  return base_layer(base, commit).make(context, "");
}

template <typename Action>
ErrorKind kind_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    UNSCOPED_INFO(error.explain());
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::failed;
}

// An archive repository with the project's base, over http.
class HttpRepository {
 public:
  explicit HttpRepository(const SmallProject& project) : folder_(project.folder() / "http") {
    const std::string repo = "--repo=" + repository().string();
    fs::create_directories(folder_);
    run_checked({"ostree", repo, "init", "--mode=archive"});
    run_checked({"ostree", repo, "pull-local", project.base_repository().string(), "test/base"});
    server_.emplace(folder_, folder_ / "log");
  }

  std::string url() const { return server_->url() + "/repo"; }
  fs::path repository() const { return folder_ / "repo"; }
  std::vector<std::string> requested() const { return server_->requested(); }
  void stop() { server_->stop(); }

 private:
  fs::path folder_;
  std::optional<tests::HttpFolder> server_;
};

TEST_CASE("a base is pulled from a folder, complete and checked") {
  const SmallProject project;
  ScratchRepository target;
  const recipe::Base base{recipe::LocalBase{project.base_repository()}, "test/base", recipe::VerifyNone{}};
  const std::string commit = fetch(base, target);
  CHECK(target.get().has_complete_commit(commit));
  CHECK(run({"ostree", "fsck", "--repo=" + target.get().path().string()}).exit_code == 0);
}

TEST_CASE("an unknown ref of a base is wrong input, and the error names it") {
  const SmallProject project;
  ScratchRepository target;
  const recipe::Base base{recipe::LocalBase{project.base_repository()}, "test/other", recipe::VerifyNone{}};
  CHECK(kind_of([&] { fetch(base, target); }) == ErrorKind::input);
}

TEST_CASE("a damaged object of a base is found") {
  const SmallProject project;
  for (fs::recursive_directory_iterator entry(project.base_repository() / "objects"), end; entry != end; ++entry) {
    if (entry->path().extension() != ".file" || fs::file_size(entry->path()) < 10000) continue;
    std::string content = read_file(entry->path());
    content[5000] = static_cast<char>(content[5000] ^ 1);
    const Fd fd = open_file(entry->path(), O_WRONLY);
    write_all(fd.get(), content, "object");
    break;
  }
  ScratchRepository target;
  const recipe::Base base{recipe::LocalBase{project.base_repository()}, "test/base", recipe::VerifyNone{}};
  CHECK(kind_of([&] { fetch(base, target); }) == ErrorKind::mismatch);
}

TEST_CASE("a base with an Ed25519 key must carry a signature by it") {
  const SmallProject project;
  auto repository = ostree::Repository::open(project.base_repository());
  const std::string commit = *repository.resolve("test/base");
  const sign::SecretKey key = sign::SecretKey::generate();
  const recipe::Base base{recipe::LocalBase{project.base_repository()}, "test/base",
                          recipe::VerifyEd25519{sign::to_base64(key.public_key())}};
  ScratchRepository target;

  SECTION("unsigned") {
    CHECK(kind_of([&] { fetch(base, target); }) == ErrorKind::mismatch);
    CHECK(kind_of([&] { fetch_locked(base, commit, target); }) == ErrorKind::mismatch);
  }
  SECTION("signed by another key") {
    ostree::set_commit_signature(repository, commit,
                                 sign::SecretKey::generate().sign(ostree::commit_bytes(repository, commit)));
    CHECK(kind_of([&] { fetch(base, target); }) == ErrorKind::mismatch);
  }
  SECTION("a signature of something else") {
    ostree::set_commit_signature(repository, commit, key.sign("something else"));
    CHECK(kind_of([&] { fetch(base, target); }) == ErrorKind::mismatch);
  }
  SECTION("signed") {
    ostree::set_commit_signature(repository, commit, key.sign(ostree::commit_bytes(repository, commit)));
    CHECK(fetch(base, target) == commit);
  }
  SECTION("signed only after it was pulled without verification") {
    const recipe::Base unverified{base.source, base.ref, recipe::VerifyNone{}};
    CHECK(fetch(unverified, target) == commit);
    CHECK(kind_of([&] { fetch_locked(base, commit, target); }) == ErrorKind::mismatch);
    ostree::set_commit_signature(repository, commit, key.sign(ostree::commit_bytes(repository, commit)));
    CHECK(fetch_locked(base, commit, target) == commit);
  }
}

TEST_CASE("a base with a GPG key must carry a signature by it") {
  const SmallProject project;
  const tests::GpgKey key;
  auto repository = ostree::Repository::open(project.base_repository());
  const std::string commit = *repository.resolve("test/base");
  const recipe::Base base{recipe::LocalBase{project.base_repository()}, "test/base",
                          recipe::VerifyGpg{key.public_file()}};
  ScratchRepository target;

  SECTION("unsigned") {
    CHECK(kind_of([&] { fetch(base, target); }) == ErrorKind::mismatch);
    CHECK(kind_of([&] { fetch_locked(base, commit, target); }) == ErrorKind::mismatch);
  }
  SECTION("unsigned, and there already from a pull without verification") {
    const recipe::Base unverified{base.source, base.ref, recipe::VerifyNone{}};
    CHECK(fetch(unverified, target) == commit);
    CHECK(kind_of([&] { fetch_locked(base, commit, target); }) == ErrorKind::mismatch);
  }
  SECTION("signed by another key") {
    tests::GpgKey().sign(project.base_repository(), commit);
    CHECK(kind_of([&] { fetch(base, target); }) == ErrorKind::mismatch);
  }
  SECTION("signed") {
    key.sign(project.base_repository(), commit);
    CHECK(fetch(base, target) == commit);
    CHECK(fetch_locked(base, commit, target) == commit);
  }
}

TEST_CASE("a base is pulled over http, and GPG is checked there too") {
  const SmallProject project;
  HttpRepository http(project);
  ScratchRepository target;
  const recipe::Base base{recipe::RemoteBase{http.url()}, "test/base", recipe::VerifyNone{}};
  const std::string commit = fetch(base, target);
  CHECK(target.get().has_complete_commit(commit));

  const tests::GpgKey key;
  const recipe::Base signed_base{base.source, base.ref, recipe::VerifyGpg{key.public_file()}};
  ScratchRepository second;
  CHECK(kind_of([&] { fetch(signed_base, second); }) == ErrorKind::mismatch);
  key.sign(http.repository(), commit);
  CHECK(fetch(signed_base, second) == commit);
}

TEST_CASE("a server that does not answer is 'not reachable'") {
  const SmallProject project;
  HttpRepository http(project);
  http.stop();
  ScratchRepository target;
  const recipe::Base base{recipe::RemoteBase{http.url()}, "test/base", recipe::VerifyNone{}};
  CHECK(kind_of([&] { fetch(base, target); }) == ErrorKind::unreachable);
}

// "ab/cdef…" of a path that ends so, whatever its extension.
std::string object_name(const fs::path& path) { return (path.parent_path().filename() / path.stem()).string(); }

// What a pull that did not end has complete, staged or in its place: libostree names an object only then.
std::set<std::string> staged_objects(const fs::path& repository) {
  std::set<std::string> names;
  for (fs::recursive_directory_iterator entry(repository), end; entry != end; ++entry) {
    const std::string name = object_name(entry->path());
    if (is_sha256_hex(name.substr(0, 2) + name.substr(std::min<std::size_t>(3, name.size())))) names.insert(name);
  }
  return names;
}

TEST_CASE("a pull that was killed goes on where it was: nothing complete is fetched twice") {
  const SmallProject project(8U << 20U);
  HttpRepository http(project);
  std::string recipe = project.recipe();
  recipe.replace(recipe.find("repo = \"base\""), 13, "remote = \"" + http.url() + "\"");
  project.write("recipe.toml", recipe);
  const std::vector<std::string> build{"build",       project.recipe_file().string(),      "--to", "commit",
                                       "--workspace", (project.folder() / "work").string()};
  {
    std::vector<std::string> command{tests::program};
    command.insert(command.end(), build.begin(), build.end());
    Child child(command, {{{"TEST_KEY", tests::test_key}}, {}, project.folder() / "killed.log"});
    REQUIRE(tests::wait_until([&] { return http.requested().size() > 25 || child.exit_code(); }));
    child.kill();
  }
  const std::set<std::string> fetched = staged_objects(project.folder() / "work/repo");
  REQUIRE(fetched.size() > 5);
  const std::size_t before = http.requested().size();
  const auto report = tests::compose_json(build);
  std::vector<std::string> requested = http.requested();
  requested.erase(requested.begin(), requested.begin() + static_cast<std::ptrdiff_t>(before));

  SmallProject reference(8U << 20U);
  const auto expected = tests::compose_json({"build", reference.recipe_file().string(), "--to", "commit", "--workspace",
                                             (reference.folder() / "work").string()});
  CHECK(report["commit"] == expected["commit"]);
  for (const auto& path : requested) {
    if (path.ends_with(".commitmeta")) continue;  // signatures: they may have become more meanwhile
    CAPTURE(path);
    CHECK(fetched.count(object_name(path)) == 0);
  }
}

}  // namespace
}  // namespace compose::layers
