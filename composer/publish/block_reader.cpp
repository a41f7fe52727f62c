#include "publish/block_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "disk/allocation.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::publish {

BlockReader::BlockReader(const fs::path& raw) : raw_(raw), fd_(open_file(raw, O_RDONLY)) {}

std::span<const unsigned char> BlockReader::read(std::uint32_t index) const {
  thread_local std::vector<unsigned char> buffer(disk::snapshot_block_bytes);
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const auto offset = static_cast<off_t>(std::uint64_t{index} * buffer.size() + filled);
    const ssize_t count = ::pread(fd_.get(), buffer.data() + filled, buffer.size() - filled, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", raw_.string(), errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  std::fill(buffer.begin() + static_cast<std::ptrdiff_t>(filled), buffer.end(), static_cast<unsigned char>(0));
  return buffer;
}

}  // namespace compose::publish
