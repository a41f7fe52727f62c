#include "disk/block_hashes.hpp"

#include <catch2/catch.hpp>

#include <boost/filesystem/operations.hpp>

#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::disk {
namespace {

// A file and the hashes of its blocks.
class Image {
 public:
  explicit Image(std::uint64_t size_bytes) : hashes(size_bytes), path_(folder_.path() / "image") {
    write_file_atomically(path_, "");
    fs::resize_file(path_, size_bytes);
  }

  // Fills one block with a byte, as far as the file goes.
  void fill(std::uint64_t block, char byte) {
    const std::uint64_t count = std::min(block_bytes, hashes.size_bytes() - block * block_bytes);
    std::string data(count, byte);
    write_all_at(open_file(path_, 1).get(), data, block * block_bytes, "image");
    data.resize(block_bytes, '\0');
    hashes.set(block, Sha256().update(data).finish());
  }

  std::string by_the_tool() const {
    const std::string out = run_checked({"fsverity", "digest", path_.string()});
    return out.substr(0, out.find(' '));
  }

  BlockHashes hashes;

 private:
  TemporaryDirectory folder_{fs::temp_directory_path()};
  fs::path path_;
};

TEST_CASE("the digest is the one that fsverity prints, at every shape of the tree") {
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{1}, block_bytes, block_bytes + 1, 128 * block_bytes, 128 * block_bytes + 1,
        129 * block_bytes, 128 * 128 * block_bytes, 128 * 128 * block_bytes + 5, std::uint64_t{200} << 20U}) {
    INFO(size);
    Image image(size);
    CHECK(image.hashes.fsverity() == image.by_the_tool());
    if (size == 0) continue;
    image.fill(0, 'a');
    image.fill(image.hashes.blocks() - 1, 'z');
    CHECK(image.hashes.fsverity() == image.by_the_tool());
    image.fill(image.hashes.blocks() / 2, 'm');
    CHECK(image.hashes.fsverity() == image.by_the_tool());
    image.fill(0, '\0');
    CHECK(image.hashes.fsverity() == image.by_the_tool());
  }
}

TEST_CASE("what is zero is known without looking at every block") {
  BlockHashes hashes(10'000 * block_bytes);
  CHECK(hashes.next_not_zero(0, hashes.blocks()) == hashes.blocks());
  hashes.set(7000, Sha256Bytes{1});
  CHECK(hashes.next_not_zero(0, hashes.blocks()) == 7000);
  CHECK(hashes.next_not_zero(0, 6999) == 6999);
  CHECK(hashes.next_not_zero(7001, 8000) == 8000);
  CHECK_FALSE(hashes.is_zero(7000));
  CHECK(hashes.is_zero(7001));
}

}  // namespace
}  // namespace compose::disk
