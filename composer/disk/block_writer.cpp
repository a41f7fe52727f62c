#include "disk/block_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::disk {
namespace {

// Fewer unchanged blocks than these between two changed ones are written again: that takes less than another call.
constexpr std::size_t shortest_gap_blocks = 16;

Sha256Bytes hash_of_block(std::span<const char> data, std::size_t block) {
  const auto bytes = std::as_bytes(data.subspan(block * block_bytes, block_bytes));
  const void* raw = bytes.data();
  return sha256({static_cast<const unsigned char*>(raw), bytes.size()});
}

}  // namespace

void BlockWriter::put(std::uint64_t offset_bytes, std::span<const char> data) {
  const std::uint64_t first = offset_bytes / block_bytes;
  std::vector<Sha256Bytes> hashes(data.size() / block_bytes);
  for (std::size_t i = 0; i < hashes.size(); ++i) hashes[i] = hash_of_block(data, i);
  std::vector<BlockRun> changed;
  {
    const std::lock_guard guard(mutex_);
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      if (hashes_.of(first + i) == hashes[i]) continue;
      hashes_.set(first + i, hashes[i]);
      if (!changed.empty() && i - (changed.back().first + changed.back().count) < shortest_gap_blocks) {
        changed.back().count = i + 1 - changed.back().first;
      } else {
        changed.push_back({i, 1});
      }
    }
  }
  for (const BlockRun& run : changed) {
    write(offset_bytes + run.first * block_bytes, data.subspan(run.first * block_bytes, run.count * block_bytes));
  }
}

void BlockWriter::write(std::uint64_t offset_bytes, std::span<const char> data) const {
  write_all_at(image_, data, offset_bytes, "disk image");
  // The disk starts to write at once: there is less to wait for at the end.
  ::sync_file_range(image_, static_cast<off_t>(offset_bytes), static_cast<off_t>(data.size()), SYNC_FILE_RANGE_WRITE);
}

void BlockWriter::clear(std::uint64_t begin_bytes, std::uint64_t end_bytes) {
  const std::uint64_t end = end_bytes / block_bytes;
  for (std::uint64_t first = begin_bytes / block_bytes; (first = hashes_.next_not_zero(first, end)) < end;) {
    std::uint64_t last = first;
    while (last < end && !hashes_.is_zero(last)) ++last;
    punch(first, last);
    first = last;
  }
}

void BlockWriter::punch(std::uint64_t first, std::uint64_t end) {
  const std::uint64_t offset = first * block_bytes;
  const std::uint64_t count = (end - first) * block_bytes;
  if (::fallocate(image_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(count)) != 0) {
    if (errno != EOPNOTSUPP) throw_errno("writing", "disk image", errno);
    const std::string zeros(std::min<std::uint64_t>(count, 1U << 20U), '\0');
    for (std::uint64_t done = 0; done < count; done += zeros.size()) {
      write(offset + done, std::span(zeros).first(std::min<std::uint64_t>(zeros.size(), count - done)));
    }
  }
  const BlockHashes none(block_bytes);
  for (std::uint64_t block = first; block < end; ++block) hashes_.set(block, none.of(0));
}

}  // namespace compose::disk
