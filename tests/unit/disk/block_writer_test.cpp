#include "disk/block_writer.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>

#include "disk/copy.hpp"
#include "support/file.hpp"

namespace compose::disk {
namespace {

constexpr std::uint64_t image_blocks = 2000;

class Image {
 public:
  explicit Image(const std::string& name) : path(folder_.path() / name), fd(open_file(path, O_RDWR | O_CREAT)) {
    fs::resize_file(path, image_blocks * block_bytes);
  }
  // The byte that fills a block, if one does.
  char block(std::uint64_t number) const {
    std::string bytes(block_bytes, '?');
    REQUIRE(::pread(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(number * block_bytes)) == 4096);
    return bytes == std::string(block_bytes, bytes[0]) ? bytes[0] : '?';
  }
  void fill(std::uint64_t number, char byte) const {
    write_all_at(fd.get(), std::string(block_bytes, byte), number * block_bytes, "image");
  }
  std::int64_t stored_bytes() const {
    struct stat info {};
    REQUIRE(::fstat(fd.get(), &info) == 0);
    return info.st_blocks * 512;
  }

 private:
  TemporaryDirectory folder_{fs::temp_directory_path()};

 public:
  fs::path path;
  Fd fd;
};

std::string blocks_of(const std::string& bytes) {
  std::string data;
  for (const char byte : bytes) data += std::string(block_bytes, byte);
  return data;
}

TEST_CASE("only blocks with other content are written") {
  const Image image("image");
  BlockHashes hashes(image_blocks * block_bytes);
  BlockWriter writer(image.fd.get(), hashes);
  writer.put(10 * block_bytes, blocks_of("abc" + std::string(40, '-') + "d"));
  CHECK(image.block(10) == 'a');
  CHECK(image.block(53) == 'd');
  // What is there is known, not read: this writer does not see what somebody else changes.
  image.fill(10, 'X');
  image.fill(30, 'X');
  writer.put(10 * block_bytes, blocks_of("abB" + std::string(40, '-') + "D"));
  CHECK(image.block(10) == 'X');
  CHECK(image.block(12) == 'B');
  CHECK(image.block(30) == 'X');
  CHECK(image.block(53) == 'D');
  CHECK(hashes.of(53) == Sha256().update(blocks_of("D")).finish());
}

TEST_CASE("cleared blocks are holes again, and zeros that are there already stay so") {
  const Image image("image");
  BlockHashes hashes(image_blocks * block_bytes);
  BlockWriter writer(image.fd.get(), hashes);
  writer.put(0, std::string(1U << 20U, '\0'));
  CHECK(image.stored_bytes() == 0);
  writer.put(100 * block_bytes, std::string(1U << 20U, 'x'));
  CHECK(image.stored_bytes() >= 1 << 20);
  writer.clear(100 * block_bytes, 355 * block_bytes);
  CHECK(image.stored_bytes() <= 8192);
  CHECK(image.block(354) == '\0');
  CHECK(image.block(355) == 'x');
  writer.clear(0, image_blocks * block_bytes);
  CHECK(hashes.fsverity() == BlockHashes(image_blocks * block_bytes).fsverity());
}

TEST_CASE("around the content an image gets what another file has there, holes included") {
  const Image image("image");
  const Image around("around");
  BlockHashes hashes(image_blocks * block_bytes);
  BlockWriter writer(image.fd.get(), hashes);
  writer.put(0, blocks_of(std::string(60, 'o')));
  around.fill(5, 'a');
  around.fill(20, 'a');  // where the image has content
  around.fill(1999, 'a');
  const std::vector<ContentPiece> content{{15 * block_bytes, 0, 9 * block_bytes + 1, {}},
                                          {25 * block_bytes, 0, 5 * block_bytes, {}}};
  put_around(content, around.path, writer);
  std::string found;
  for (std::uint64_t block = 0; block < 60; ++block) found += image.block(block) == '\0' ? '.' : image.block(block);
  CHECK(found == ".....a........." + std::string(15, 'o') + std::string(30, '.'));
  CHECK(image.block(1999) == 'a');
}

}  // namespace
}  // namespace compose::disk
