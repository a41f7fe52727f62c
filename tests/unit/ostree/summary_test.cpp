#include "ostree/summary.hpp"

#include <set>

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>
#include <catch2/catch.hpp>

#include "ostree/archive.hpp"
#include "support/error.hpp"
#include "support/os_fixture.hpp"
#include "support/process.hpp"

namespace compose::ostree {
namespace {

using tests::file_meta;
using tests::ScratchRepository;

struct Published {
  ScratchRepository source;
  Repository archive = open_or_create_archive(source.folder() / "archive");
  std::string one = commit("1", 1'700'000'000);
  std::string two = commit("2", 1'700'000'100);

  std::string commit(const std::string& version, std::uint64_t time) {
    CommitMetadata metadata;
    metadata.timestamp = time;
    metadata.strings = {{"version", version}};
    const std::string made = source.commit(
        [&](Tree& tree) { tree.put_file("/usr/share/blob", file_meta(), tests::noise(50'000, 1) + version); }, {},
        metadata);
    copy_commit(archive, source.get(), made, [](std::uint64_t, std::uint64_t) {});
    return made;
  }
  Summary summary() {
    Summary summary;
    summary.histories["b/hosts"] = {{"2", two}, {"1", one}};
    summary.histories["a/hosts"] = {{"1", one}};
    for (const auto& [name, delta] : deltas_of(archive)) summary.deltas[name] = delta.superblock_sha256;
    return summary;
  }
};

// What `ostree summary --raw` prints of the bytes.
std::string shown(const Repository& archive) {
  return run_checked({"ostree", "--repo=" + archive.path().string(), "summary", "--raw"});
}

// A value of a{sv} as --raw prints it: "'KEY': <VALUE>, ".
void erase_entry(std::string& text, const std::string& start, const std::string& end) {
  const auto begin = text.find(start);
  REQUIRE(begin != std::string::npos);
  text.erase(begin, text.find(end, begin) + end.size() - begin);
}

TEST_CASE("a summary is what libostree writes, but for its time, our history and indexes of deltas") {
  Published published;
  make_delta(published.archive, {published.one, published.two});
  published.archive.set_ref("a/hosts", published.one);
  published.archive.set_ref("b/hosts", published.two);
  const std::string repo = "--repo=" + published.archive.path().string();
  run_checked({"ostree", repo, "summary", "--update"});
  std::string theirs = shown(published.archive);
  write_file_atomically(published.archive.path() / "summary", encode(published.summary(), published.archive));
  std::string ours = shown(published.archive);
  for (int ref = 0; ref < 2; ++ref) erase_entry(ours, "'atomic-compose.history': <", ")]>, ");
  for (std::string* text : {&ours, &theirs}) erase_entry(*text, "'ostree.summary.last-modified': <uint64 ", ">, ");
  erase_entry(theirs, "'ostree.summary.indexed-deltas': <", ">, ");
  // Entries of theirs are in the order of a hash table: compared as sets of words.
  const auto words = [](const std::string& text) {
    std::vector<std::string> parts;
    boost::algorithm::split(parts, text, boost::algorithm::is_any_of(" \n,<>{}()[]"));
    std::multiset<std::string> set(parts.begin(), parts.end());
    set.erase("");
    return set;
  };
  INFO(ours << "\n" << theirs);
  CHECK(words(ours) == words(theirs));
}

TEST_CASE("the same content gives the same summary, whose time is the newest current commit's") {
  Published published;
  const std::string bytes = encode(published.summary(), published.archive);
  CHECK(bytes == encode(published.summary(), published.archive));
  write_file_atomically(published.archive.path() / "summary", bytes);
  const std::string text =
      run_checked({"env", "TZ=UTC", "ostree", "--repo=" + published.archive.path().string(), "summary", "-v"});
  CHECK(text.find("Last-Modified (ostree.summary.last-modified): 2023-11-14T22:15:00") != std::string::npos);
}

TEST_CASE("what was written is read") {
  Published published;
  make_delta(published.archive, {published.one, published.two});
  make_delta(published.archive, {"", published.two});
  const Summary before = published.summary();
  const Summary after = decode_summary(encode(before, published.archive), "the test");
  CHECK(after.histories == before.histories);
  CHECK(after.deltas == before.deltas);
}

TEST_CASE("of a summary that somebody else wrote the current commits are known") {
  Published published;
  published.archive.set_ref("a/hosts", published.one);
  run_checked({"ostree", "--repo=" + published.archive.path().string(), "summary", "--update"});
  const Summary summary = decode_summary(read_file(published.archive.path() / "summary"), "the test");
  REQUIRE(summary.histories.size() == 1);
  CHECK(summary.histories.at("a/hosts") == std::vector<PublishedVersion>{{"1", published.one}});
}

TEST_CASE("damaged bytes are no summary, and never more than that") {
  Published published;
  make_delta(published.archive, {published.one, published.two});
  const std::string bytes = encode(published.summary(), published.archive);
  CHECK_THROWS_WITH(decode_summary("nonsense", "'repo/summary'"), Catch::Contains("'repo/summary' is not the summary"));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    try {
      const Summary summary = decode_summary(damaged, "the test");
      for (const auto& [ref, history] : summary.histories) CHECK_FALSE(history.empty());
    } catch (const Error&) {
    }
    try {
      (void)decode_summary(bytes.substr(0, at), "the test");
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace compose::ostree
