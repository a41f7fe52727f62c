#include "support/digest.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/file.hpp"

namespace compose {
namespace {

TEST_CASE("SHA-256 is the one of FIPS 180-4") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a sparse file hashes like the bytes that a reader sees, wherever its holes are") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  const fs::path file = folder.path() / "sparse";
  const std::uint64_t size = (5U << 20U) + 123;
  for (const std::uint64_t data_at :
       {std::uint64_t{0}, std::uint64_t{1U << 20U}, std::uint64_t{(3U << 20U) + 7}, size - 4}) {
    std::string content(size, '\0');
    content.replace(data_at, 4, "data");
    const Fd fd = open_file(file, O_RDWR | O_CREAT | O_TRUNC);
    write_all_at(fd.get(), std::span("data").first(4), data_at, "sparse");
    REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
    CHECK(sha256_of_file(file) == sha256_hex(content));
  }
  const Fd empty = open_file(file, O_RDWR | O_TRUNC);
  CHECK(sha256_of_file(file) == sha256_hex(""));
  REQUIRE(::ftruncate(empty.get(), 3 << 20) == 0);
  CHECK(sha256_of_file(file) == sha256_hex(std::string(3U << 20U, '\0')));
}

TEST_CASE("many small pieces hash like one at a time") {
  for (const std::string& piece : {std::string(), std::string("abc"), std::string(4096, 'x')}) {
    const auto* bytes = static_cast<const unsigned char*>(static_cast<const void*>(piece.data()));
    const Sha256Bytes digest = sha256({bytes, piece.size()});
    CHECK(to_hex(digest) == sha256_hex(piece));
  }
}

TEST_CASE("a checksum is 64 lower-case hexadecimal characters") {
  CHECK(is_sha256_hex(sha256_hex("x")));
  CHECK_FALSE(is_sha256_hex(std::string(64, 'g')));
  CHECK_FALSE(is_sha256_hex(std::string(63, 'a')));
  CHECK_FALSE(is_sha256_hex(std::string(64, 'A')));
}

}  // namespace
}  // namespace compose
