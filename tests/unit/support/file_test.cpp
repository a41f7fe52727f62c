#include "support/file.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"

namespace compose {
namespace {

TEST_CASE("a copy has the content and the holes of its file") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  const Fd from = open_file(folder.path() / "from", O_RDWR | O_CREAT);
  const Fd to = open_file(folder.path() / "to", O_RDWR | O_CREAT);
  write_all_at(from.get(), std::string(70'000, 'a'), 0, "from");
  write_all_at(from.get(), std::string(3'000'000, 'b'), 40U << 20U, "from");
  fs::resize_file(folder.path() / "from", 100U << 20U);
  copy_content(from.get(), to.get(), "from", "to");
  CHECK(read_file(folder.path() / "to", 200U << 20U) == read_file(folder.path() / "from", 200U << 20U));
  struct stat info {};
  REQUIRE(::fstat(to.get(), &info) == 0);
  CHECK(info.st_blocks * 512 < 8 << 20);
}

TEST_CASE("an empty file and one of nothing but a hole are copied too") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  for (const std::uint64_t size : {0U, 5U << 20U}) {
    const Fd from = open_file(folder.path() / "from", O_RDWR | O_CREAT | O_TRUNC);
    const Fd to = open_file(folder.path() / "to", O_RDWR | O_CREAT | O_TRUNC);
    fs::resize_file(folder.path() / "from", size);
    copy_content(from.get(), to.get(), "from", "to");
    CHECK(fs::file_size(folder.path() / "to") == size);
  }
}

TEST_CASE("a file may begin as another one, which loses its name, and the target is as it was until the end") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  const fs::path target = folder.path() / "target";
  write_file_atomically(target, "old");
  write_file_atomically(folder.path() / "start", "start");
  SECTION("to the end") {
    AtomicFile file(target, folder.path() / "start");
    CHECK_FALSE(fs::exists(folder.path() / "start"));
    write_all_at(file.fd(), std::string_view("new"), 2, "target");
    CHECK(read_file(target) == "old");
    file.commit();
    CHECK(read_file(target) == "stnew");
  }
  SECTION("given up") {
    { const AtomicFile file(target, folder.path() / "start"); }
    CHECK(read_file(target) == "old");
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
  }
}

}  // namespace
}  // namespace compose
