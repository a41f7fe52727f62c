#include "ostree/archive.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/process.hpp"
#include "support/scratch_repository.hpp"

namespace compose::ostree {
namespace {

using tests::file_meta;
using tests::ScratchRepository;

std::string commit_with(ScratchRepository& repository, const std::string& content) {
  CommitMetadata metadata;
  metadata.timestamp = 1'700'000'000;
  return repository.commit(
      [&](Tree& tree) {
        tree.put_file("/usr/share/same", file_meta(), "the same in every version");
        tree.put_file("/usr/share/text", file_meta(0600, 3, 4, {{"user.x", "y"}}), content);
        tree.put_symlink("/bin", "usr/bin");
      },
      {}, metadata);
}

void copy(Repository& archive, const Repository& source, const std::string& commit) {
  copy_commit(archive, source, commit, [](std::uint64_t, std::uint64_t) {});
}

TEST_CASE("a commit is copied with its signatures, and what is missing is known before") {
  ScratchRepository source;
  const std::string one = commit_with(source, "one");
  const std::string two = commit_with(source, "two");
  set_commit_signature(source.get(), one, std::string(64, 's'));
  Repository archive = open_or_create_archive(source.folder() / "archive");
  const Missing everything = missing_from(nullptr, source.get(), one);
  CHECK(missing_from(&archive, source.get(), one).objects == everything.objects);
  CHECK(everything.bytes > 28);
  copy(archive, source.get(), one);
  CHECK(archive.has_complete_commit(one));
  CHECK(missing_from(&archive, source.get(), one).objects == 0);
  CHECK(signatures_of(archive, one).ed25519 == std::vector<std::string>{std::string(64, 's')});
  // The file that changed, the two directories above it, the root and the commit.
  CHECK(missing_from(&archive, source.get(), two).objects == 5);
  copy(archive, source.get(), two);
  const std::string repo = "--repo=" + archive.path().string();
  CHECK(run({"ostree", "fsck", repo}).exit_code == 0);
  CHECK(run_checked({"ostree", repo, "cat", one, "/usr/share/text"}) == "one");
}

TEST_CASE("an archive that is there is opened again, and a folder with something else is left alone") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "archive-");
  open_or_create_archive(folder.path() / "repo");
  open_or_create_archive(folder.path() / "repo");
  fs::create_directories(folder.path() / "photos");
  write_file_atomically(folder.path() / "photos/cat.jpg", "meow");
  CHECK_THROWS_WITH(open_or_create_archive(folder.path() / "photos"), Catch::Contains("something else"));
  CHECK_FALSE(fs::exists(folder.path() / "photos/config"));
  Repository::open_or_create(folder.path() / "bare");
  CHECK_THROWS_WITH(open_or_create_archive(folder.path() / "bare"), Catch::Contains("not in mode archive"));
}

TEST_CASE("signatures are the same bytes for the same signatures, and nonsense is none") {
  const Signatures signatures{{std::string(64, 'a'), std::string(64, 'b')}, {"gpg"}};
  CHECK(encode(signatures) == encode(signatures));
  CHECK(decode_signatures(encode(signatures)) == signatures);
  CHECK(decode_signatures(encode({})) == Signatures());
  CHECK(decode_signatures("") == Signatures());
  CHECK(decode_signatures("nonsense") == Signatures());
  CHECK(decode_signatures(encode(signatures).substr(3)) == Signatures());
}

TEST_CASE("what no kept commit needs is deleted, commits first, and shared objects stay") {
  ScratchRepository source;
  const std::string one = commit_with(source, "one");
  const std::string two = commit_with(source, "two");
  Repository archive = open_or_create_archive(source.folder() / "archive");
  for (const std::string& commit : {one, two}) copy(archive, source.get(), commit);
  const Unneeded counted = delete_unneeded(archive, {two}, Deletion::counted_only);
  CHECK(counted.objects == 5);
  CHECK(counted.bytes > 0);
  CHECK(archive.has_complete_commit(one));
  const Unneeded deleted = delete_unneeded(archive, {two}, Deletion::done);
  CHECK(deleted.objects == counted.objects);
  CHECK(deleted.bytes == counted.bytes);
  CHECK_FALSE(archive.has_complete_commit(one));
  const std::string repo = "--repo=" + archive.path().string();
  CHECK(run({"ostree", "fsck", repo}).exit_code == 0);
  CHECK(run_checked({"ostree", repo, "cat", two, "/usr/share/same"}) == "the same in every version");
  CHECK(delete_unneeded(archive, {two}, Deletion::done).objects == 0);
}

TEST_CASE("nothing is deleted on the word of a repository with holes") {
  ScratchRepository source;
  const std::string one = commit_with(source, "one");
  Repository archive = open_or_create_archive(source.folder() / "archive");
  copy(archive, source.get(), one);
  CHECK_THROWS_WITH(delete_unneeded(archive, {std::string(64, 'a')}, Deletion::done), Catch::Contains("not complete"));
  CHECK(archive.has_complete_commit(one));
}

}  // namespace
}  // namespace compose::ostree
