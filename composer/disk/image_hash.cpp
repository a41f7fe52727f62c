#include "disk/image_hash.hpp"

#include <fcntl.h>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::disk {

ImageHash::~ImageHash() {
  {
    const std::lock_guard guard(mutex_);
    given_up_ = true;
  }
  changed_.notify_all();
  if (result_.valid()) result_.wait();
}

void ImageHash::follow(const fs::path& image, std::uint64_t size_bytes) {
  result_ = std::async(std::launch::async, [this, fd = open_file(image, O_RDONLY), name = image.string(), size_bytes] {
    return hash(fd, name, size_bytes);
  });
}

void ImageHash::settle(Writer writer, std::uint64_t end_bytes) {
  {
    const std::lock_guard guard(mutex_);
    auto& settled = settled_.at(static_cast<std::size_t>(writer));
    settled = std::max(settled, end_bytes);
  }
  changed_.notify_all();
}

std::string ImageHash::sha256() { return result_.get(); }

std::string ImageHash::hash(const Fd& image, const std::string& name, std::uint64_t size_bytes) {
  FileSha256 hash(image.get(), name);
  for (std::uint64_t at = 0; at < size_bytes;) {
    at = std::min(wait_beyond(at), size_bytes);
    hash.advance_to(at);
  }
  return hash.finish();
}

// In steps, so that giving up takes no longer than one of them.
std::uint64_t ImageHash::wait_beyond(std::uint64_t hashed_bytes) {
  constexpr std::uint64_t step = 16U << 20U;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return given_up_ || settled() > hashed_bytes; });
  if (given_up_) throw Error(ErrorKind::failed, "the image is not hashed to its end");
  return std::min(settled(), hashed_bytes + step);
}

}  // namespace compose::disk
