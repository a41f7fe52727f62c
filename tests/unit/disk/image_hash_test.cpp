#include "disk/image_hash.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>

#include <boost/filesystem/operations.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::disk {
namespace {

constexpr std::uint64_t mib = 1U << 20U;
using Writer = ImageHash::Writer;

class Image {
 public:
  Image() : folder_(fs::temp_directory_path()), path_(folder_.path() / "image") {
    fd_ = open_file(path_, O_RDWR | O_CREAT);
    fs::resize_file(path_, size_bytes);
  }
  static constexpr std::uint64_t size_bytes = 40 * mib + 4096;
  const fs::path& path() const { return path_; }
  void write(std::uint64_t offset, const std::string& bytes) const { write_all_at(fd_.get(), bytes, offset, "image"); }

 private:
  TemporaryDirectory folder_;
  fs::path path_;
  Fd fd_;
};

TEST_CASE("an image's hash while it is written is that of its final bytes, whatever the order of the writers") {
  const Image image;
  ImageHash hash;
  hash.follow(image.path(), Image::size_bytes);
  image.write(20 * mib, std::string(mib, 'm'));
  image.write(39 * mib, std::string(mib, 'm'));
  hash.settle(Writer::metadata, 18 * mib);
  image.write(10 * mib, std::string(3 * mib, 'c'));
  hash.settle(Writer::content, 17 * mib);
  image.write(18 * mib, std::string(mib, 'M'));  // was a hole, behind what is settled
  hash.settle(Writer::metadata, Image::size_bytes);
  image.write(30 * mib, std::string(mib, 'c'));
  hash.settle(Writer::content, 16 * mib);  // less than before changes nothing
  hash.settle(Writer::content, UINT64_MAX);
  CHECK(hash.sha256() == sha256_of_file(image.path()));
}

TEST_CASE("a hash that is given up ends at once, and a file cut short is an error") {
  const Image image;
  {
    ImageHash given_up;
    given_up.follow(image.path(), Image::size_bytes);
    given_up.settle(Writer::content, UINT64_MAX);
  }
  ImageHash hash;
  hash.follow(image.path(), Image::size_bytes + mib);
  image.write(Image::size_bytes - 4, "data");
  hash.settle(Writer::metadata, UINT64_MAX);
  hash.settle(Writer::content, UINT64_MAX);
  CHECK_THROWS_WITH(hash.sha256(), Catch::Contains("it became shorter meanwhile"));
}

}  // namespace
}  // namespace compose::disk
