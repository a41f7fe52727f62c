#include "publish/summary_files.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/file.hpp"

namespace compose::publish {
namespace {

std::size_t entries_of(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST_CASE("both files are replaced by one rename, and only the pair before is kept") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "summary-");
  CHECK(read_summary_files(folder.path()) == SummaryFiles());
  for (const char* number : {"1", "2", "3", "4"}) {
    const SummaryFiles files{std::string("summary ") + number, std::string("signature ") + number};
    write_summary_files(folder.path(), files);
    CHECK(read_summary_files(folder.path()) == files);
    CHECK(read_file(folder.path() / "summary.sig") == files.signature);
    CHECK(entries_of(folder.path()) == 3);
    CHECK(entries_of(folder.path() / "summaries") == (number[0] == '1' ? 2 : 3));
  }
  CHECK(fs::read_symlink(folder.path() / "summary") == "summaries/current/summary");
}

TEST_CASE("going back to a pair, and writing the same, works") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "summary-");
  const SummaryFiles one{"1", "s1"};
  const SummaryFiles two{"2", "s2"};
  std::time_t before = 0;
  for (const SummaryFiles& files : {one, two, one, one, two}) {
    write_summary_files(folder.path(), files);
    CHECK(read_summary_files(folder.path()) == files);
    // What a web server takes for "changed since".
    CHECK(fs::last_write_time(folder.path() / "summary") > before);
    before = fs::last_write_time(folder.path() / "summary");
    CHECK(fs::last_write_time(folder.path() / "summary.sig") == before);
  }
}

TEST_CASE("files that another program wrote become links, and a half state of a killed run is taken up") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "summary-");
  write_file_atomically(folder.path() / "summary", "theirs");
  write_file_atomically(folder.path() / "summary.sig", "their signature");
  const SummaryFiles next{"ours", "our signature"};
  SECTION("files") {}
  SECTION("a summary alone") { fs::remove(folder.path() / "summary.sig"); }
  SECTION("a signature alone") { fs::remove(folder.path() / "summary"); }
  SECTION("links that were not finished") {
    fs::create_symlink("nowhere", folder.path() / "new-summary");
    fs::create_directories(folder.path() / "summaries/new-abc/pair");
    fs::create_symlink("nowhere", folder.path() / "summaries/new-current");
  }
  SECTION("a link that leads nowhere") {
    fs::remove(folder.path() / "summary");
    fs::create_symlink("summaries/current/summary", folder.path() / "summary");
  }
  write_summary_files(folder.path(), next);
  CHECK(read_summary_files(folder.path()) == next);
  CHECK(fs::is_symlink(folder.path() / "summary"));
  CHECK(fs::is_symlink(folder.path() / "summary.sig"));
  CHECK(entries_of(folder.path()) == 3);
  CHECK_FALSE(fs::exists(folder.path() / "summaries/new-abc"));
}

}  // namespace
}  // namespace compose::publish
