#include "ostree/delta.hpp"

#include <catch2/catch.hpp>

#include "ostree/archive.hpp"
#include "support/os_fixture.hpp"
#include "support/process.hpp"

namespace compose::tests {
namespace {

fs::path only_file(const fs::path& folder, const std::string& name) {
  std::vector<fs::path> found;
  for (fs::recursive_directory_iterator entry(folder), end; entry != end; ++entry) {
    if (entry->path().filename() == name) found.push_back(entry->path());
  }
  REQUIRE(found.size() == 1);
  return found.front();
}

}  // namespace
}  // namespace compose::tests

namespace compose::ostree {
namespace {

using tests::file_meta;
using tests::ScratchRepository;

struct TwoVersions {
  ScratchRepository source;
  std::string one;
  std::string two;

  explicit TwoVersions(std::size_t changed_bytes = 10) {
    const std::string blob = tests::noise(200'000, 1);
    one = commit(blob);
    two = commit(blob + tests::noise(changed_bytes, 2));
  }
  std::string commit(const std::string& content) {
    CommitMetadata metadata;
    metadata.timestamp = 1'700'000'000;
    return source.commit([&](Tree& tree) { tree.put_file("/usr/share/blob", file_meta(), content); }, {}, metadata);
  }
  Repository archive(const std::string& name) {
    Repository repository = open_or_create_archive(source.folder() / name);
    for (const std::string& commit : {one, two}) {
      copy_commit(repository, source.get(), commit, [](std::uint64_t, std::uint64_t) {});
    }
    return repository;
  }
};

// `static-delta show` looks for a file with the first part, and fails after all else where the superblock has it.
std::string ostree(const Repository& repository, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ostree");
  arguments.push_back("--repo=" + repository.path().string());
  return run(arguments).out;
}

TEST_CASE("a delta is where libostree looks for it, carries the commit's time, and is the same every time") {
  const std::size_t changed_bytes = GENERATE(10U, 2'000'000U);  // in the superblock, and beside it
  TwoVersions versions(changed_bytes);
  Repository archive = versions.archive("archive");
  const DeltaName name{versions.one, versions.two};
  const Delta delta = make_delta(archive, name);
  CHECK(delta.bytes < changed_bytes * 6 / 5 + 50'000);
  CHECK(ostree(archive, {"static-delta", "list"}) == versions.one + "-" + versions.two + "\n");
  const std::string shown = ostree(archive, {"static-delta", "show", versions.one + "-" + versions.two});
  CHECK(shown.find("Timestamp: 1700000000") != std::string::npos);
  CHECK(shown.find("To: " + versions.two) != std::string::npos);
  const auto all = deltas_of(archive);
  REQUIRE(all.size() == 1);
  CHECK(all.begin()->first == name);
  CHECK(all.begin()->second.superblock_sha256 == delta.superblock_sha256);

  const fs::path superblock = tests::only_file(archive.path() / "deltas", "superblock");
  CHECK(fs::exists(superblock.parent_path() / "0") == (changed_bytes > 1'000'000));
  Repository other = versions.archive("other");
  CHECK(make_delta(other, name).superblock_sha256 == delta.superblock_sha256);
}

TEST_CASE("a delta from scratch has no start") {
  TwoVersions versions;
  Repository archive = versions.archive("archive");
  make_delta(archive, {"", versions.two});
  CHECK(ostree(archive, {"static-delta", "list"}) == versions.two + "\n");
  CHECK(deltas_of(archive).begin()->first == DeltaName{"", versions.two});
}

TEST_CASE("what an interrupted run left of a delta is no delta, and is removed") {
  TwoVersions versions;
  Repository archive = versions.archive("archive");
  const DeltaName name{versions.one, versions.two};
  make_delta(archive, name);
  const fs::path half = archive.path() / "tmp/delta-abc/delta";
  fs::create_directories(half);
  write_file_atomically(half / "0", "part");
  fs::create_directories(archive.path() / "deltas/zz/nonsense");
  CHECK(deltas_of(archive).size() == 1);
  remove_delta_leftovers(archive);
  CHECK_FALSE(fs::exists(half.parent_path()));
  delete_delta(archive, name);
  CHECK(deltas_of(archive).empty());
  CHECK(fs::exists(archive.path() / "deltas/zz/nonsense"));  // not ours
}

}  // namespace
}  // namespace compose::ostree
