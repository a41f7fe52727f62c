#include "disk/copy.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/parallel.hpp"

namespace compose::disk {
namespace {

constexpr std::uint64_t buffer_bytes = 1U << 20U;
constexpr std::uint64_t smallest_scanned_bytes = 1U << 20U;
constexpr std::uint64_t shortest_hole_blocks = 16;
constexpr std::size_t most_runs = extents_in_inode * extents_in_block / 2;

std::uint64_t blocks_of(std::uint64_t bytes) { return (bytes + block_bytes - 1) / block_bytes; }

std::size_t read_at(int fd, std::span<char> to, std::uint64_t offset, const fs::path& path) {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t count = ::pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", path.string(), errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

bool is_zero(std::span<const char> bytes) {
  return bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Gathers blocks with content into runs; a gap shorter than a hole belongs to the run around it.
class RunFinder {
 public:
  void add(std::uint64_t block) {
    if (!runs_.empty() && block - (runs_.back().first + runs_.back().count) < shortest_hole_blocks) {
      runs_.back().count = block + 1 - runs_.back().first;
    } else {
      runs_.push_back({block, 1});
    }
  }

  // A file in too many pieces loses its shortest holes, in equal measure everywhere.
  std::vector<BlockRun> finish() {
    for (std::uint64_t hole = shortest_hole_blocks * 2; runs_.size() > most_runs; hole *= 2) {
      std::vector<BlockRun> merged;
      for (const auto& run : runs_) {
        if (!merged.empty() && run.first - (merged.back().first + merged.back().count) < hole) {
          merged.back().count = run.first + run.count - merged.back().first;
        } else {
          merged.push_back(run);
        }
      }
      runs_ = std::move(merged);
    }
    return std::move(runs_);
  }

 private:
  std::vector<BlockRun> runs_;
};

void scan(const fs::path& path, std::uint64_t size_bytes, RunFinder& finder) {
  const Fd fd = open_file(path, O_RDONLY);
  std::string buffer(256U << 10U, '\0');
  std::uint64_t offset = 0;
  while (offset < size_bytes) {
    // Holes of the stored file need no reading; they are zeros like any others.
    const off_t data = ::lseek(fd.get(), static_cast<off_t>(offset), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return;
    if (data > 0) offset = std::max(offset, static_cast<std::uint64_t>(data) / block_bytes * block_bytes);
    const std::size_t count = read_at(fd.get(), {buffer.data(), buffer.size()}, offset, path);
    if (count == 0) return;
    for (std::size_t at = 0; at < count; at += block_bytes) {
      const std::span block(buffer.data() + at, std::min<std::size_t>(block_bytes, count - at));
      if (!is_zero(block)) finder.add((offset + at) / block_bytes);
    }
    offset += count;
  }
}

}  // namespace

std::vector<BlockRun> find_runs(const fs::path& file, std::uint64_t size_bytes) {
  if (size_bytes == 0) return {};
  if (size_bytes < smallest_scanned_bytes) return {{0, blocks_of(size_bytes)}};
  RunFinder finder;
  scan(file, size_bytes, finder);
  return finder.finish();
}

namespace {

// By content, of the files that would have to be read. Runs of a file never touch: what does was one.
std::map<Sha256Bytes, std::vector<BlockRun>> known_runs(const ChainContent& chain,
                                                        const std::vector<ContentPiece>& known) {
  std::map<Sha256Bytes, std::vector<BlockRun>> runs;
  for (const FileObject& file : chain.files) {
    if (file.size_bytes >= smallest_scanned_bytes) runs.try_emplace(parse_sha256(file.checksum).value());
  }
  for (const ContentPiece& piece : known) {
    const auto found = runs.find(piece.content);
    if (found != runs.end()) found->second.push_back({piece.file_offset / block_bytes, blocks_of(piece.bytes)});
  }
  for (auto& [content, pieces] : runs) {
    std::sort(pieces.begin(), pieces.end(), [](const BlockRun& a, const BlockRun& b) { return a.first < b.first; });
    std::vector<BlockRun> merged;
    for (const BlockRun& piece : pieces) {
      if (!merged.empty() && piece.first <= merged.back().first + merged.back().count) {
        merged.back().count = std::max(merged.back().count, piece.first + piece.count - merged.back().first);
      } else {
        merged.push_back(piece);
      }
    }
    pieces = std::move(merged);
  }
  return runs;
}

}  // namespace

std::vector<std::vector<BlockRun>> find_runs(const ChainContent& chain, const std::vector<ContentPiece>& known) {
  constexpr unsigned threads = 2;
  const auto from_known = known_runs(chain, known);
  std::vector<std::vector<BlockRun>> runs(chain.files.size());
  for_each_in_parallel(runs.size(), threads, [&](std::size_t i) {
    const FileObject& file = chain.files[i];
    if (!file.symlink_target.empty()) return;
    const bool is_large = file.size_bytes >= smallest_scanned_bytes;
    const auto found = is_large ? from_known.find(parse_sha256(file.checksum).value()) : from_known.end();
    const bool is_known = found != from_known.end() && !found->second.empty();
    runs[i] = is_known ? found->second : find_runs(chain.path_of(file), file.size_bytes);
  });
  return runs;
}

void copy_into(const fs::path& file, int image_fd, std::uint64_t offset_bytes) {
  const Fd fd = open_file(file, O_RDONLY);
  std::string buffer(buffer_bytes, '\0');
  for (const auto& run : find_runs(file, fs::file_size(file))) {
    const std::uint64_t end = (run.first + run.count) * block_bytes;
    for (std::uint64_t at = run.first * block_bytes; at < end; at += buffer_bytes) {
      const std::size_t wanted = std::min(buffer_bytes, end - at);
      const std::size_t count = read_at(fd.get(), {buffer.data(), wanted}, at, file);
      write_all_at(image_fd, {buffer.data(), count}, offset_bytes + at, "disk image");
    }
  }
}

namespace {

// Puts parts of a file into an image, at the same places.
class Around {
 public:
  Around(const fs::path& path, BlockWriter& image) : path_(path), fd_(open_file(path, O_RDONLY)), image_(image) {}

  // What is between the two places.
  void put(std::uint64_t begin, std::uint64_t end) {
    while (begin < end) {
      const std::uint64_t data = std::min(next(SEEK_DATA, begin, end) / block_bytes * block_bytes, end);
      if (data > begin) image_.clear(begin, data);
      begin = std::max(begin, data);
      if (begin == end) return;
      const std::uint64_t hole = blocks_of(next(SEEK_HOLE, begin, end)) * block_bytes;
      put_data(begin, std::min(hole, end));
      begin = std::min(hole, end);
    }
  }

 private:
  // Where data or a hole begins, `end` if that is behind the file's last.
  std::uint64_t next(int whence, std::uint64_t begin, std::uint64_t end) const {
    const off_t found = ::lseek(fd_.get(), static_cast<off_t>(begin), whence);
    if (found < 0 && errno != ENXIO) throw_errno("reading", path_.string(), errno);
    return found < 0 ? end : static_cast<std::uint64_t>(found);
  }

  void put_data(std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t at = begin; at < end; at += buffer_.size()) {
      const std::span<char> piece(buffer_.data(), std::min(end - at, buffer_bytes));
      if (read_at(fd_.get(), piece, at, path_) != piece.size()) throw_errno("reading", path_.string(), EIO);
      image_.put(at, piece);
    }
  }

  const fs::path& path_;
  Fd fd_;
  BlockWriter& image_;
  std::string buffer_ = std::string(buffer_bytes, '\0');
};

Sha256Bytes content_of(const Node& node) {
  if (node.object == nullptr) return Sha256().update(node.data).finish();
  return parse_sha256(node.object->checksum).value();
}

}  // namespace

void put_around(const std::vector<ContentPiece>& content, const fs::path& around, BlockWriter& image) {
  Around file(around, image);
  std::uint64_t begin = 0;
  for (const ContentPiece& piece : content) {
    file.put(begin, piece.disk_offset);
    begin = piece.disk_offset + blocks_of(piece.bytes) * block_bytes;
  }
  file.put(begin, fs::file_size(around));
}

void ContentCopier::add(const Model& model, const Layout& layout, std::uint64_t offset_bytes) {
  for (NodeId id = 0; id < model.nodes.size(); ++id) {
    const Node& node = model.nodes[id];
    if (!node.present || node.is_directory() || layout.placements[id].extents.empty()) continue;
    const Sha256Bytes content = content_of(node);
    for (const auto& extent : layout.placements[id].extents) {
      const std::uint64_t start = extent.logical * block_bytes;
      const std::uint64_t end = std::min(start + extent.count * block_bytes, node.size_bytes);
      for (std::uint64_t at = start; at < end; at += buffer_bytes) {
        const std::uint64_t place = offset_bytes + extent.physical * block_bytes + (at - start);
        pieces_.push_back({&node, {place, at, std::min(end - at, buffer_bytes), content}});
      }
    }
  }
}

std::vector<ContentPiece> ContentCopier::plan() {
  std::sort(pieces_.begin(), pieces_.end(),
            [](const Piece& a, const Piece& b) { return a.place.disk_offset < b.place.disk_offset; });
  std::vector<ContentPiece> places;
  places.reserve(pieces_.size());
  for (const Piece& piece : pieces_) places.push_back(piece.place);
  return places;
}

void ContentCopier::leave_out(const std::vector<ContentPiece>& there) {
  auto known = there.begin();
  std::erase_if(pieces_, [&](const Piece& piece) {
    while (known != there.end() && known->disk_offset < piece.place.disk_offset) ++known;
    return known != there.end() && *known == piece.place;
  });
}

std::vector<ContentCopier::Batch> ContentCopier::make_batches() const {
  std::vector<Batch> batches;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const ContentPiece& place = pieces_[i].place;
    bool joins = false;
    if (!batches.empty()) {
      const ContentPiece& first = pieces_[batches.back().first].place;
      const ContentPiece& previous = pieces_[i - 1].place;
      const bool adjacent = previous.disk_offset + blocks_of(previous.bytes) * block_bytes == place.disk_offset;
      joins = adjacent && place.disk_offset + place.bytes - first.disk_offset <= buffer_bytes;
    }
    if (joins) {
      batches.back().last = i + 1;
    } else {
      batches.push_back({i, i + 1});
    }
  }
  return batches;
}

void ContentCopier::read_piece(const Piece& piece, char* to) const {
  const Node& node = *piece.node;
  if (node.object == nullptr) {
    std::memcpy(to, node.data.data() + piece.place.file_offset, piece.place.bytes);
    return;
  }
  const fs::path path = chain_.path_of(*node.object);
  const Fd fd = open_file(path, O_RDONLY | O_NOFOLLOW);
  if (read_at(fd.get(), {to, piece.place.bytes}, piece.place.file_offset, path) != piece.place.bytes) {
    throw Error(ErrorKind::failed, fmt::format("reading '{}': it became shorter while it was read", path.string()));
  }
}

void ContentCopier::copy(const Batch& batch, std::string& buffer) {
  const std::uint64_t start = pieces_[batch.first].place.disk_offset;
  std::uint64_t size = 0;
  for (std::size_t i = batch.first; i < batch.last; ++i) {
    const ContentPiece& place = pieces_[i].place;
    const std::uint64_t at = place.disk_offset - start;
    read_piece(pieces_[i], buffer.data() + at);
    size = at + blocks_of(place.bytes) * block_bytes;
    std::memset(buffer.data() + at + place.bytes, 0, size - at - place.bytes);
    done_bytes_ += place.bytes;
  }
  image_.put(start, {buffer.data(), size});
}

void ContentCopier::run(unsigned threads, const std::vector<ContentPiece>& there) {
  leave_out(there);
  std::uint64_t total = 0;
  for (const Piece& piece : pieces_) total += piece.place.bytes;
  total_bytes_ = total;
  const std::vector<Batch> batches = make_batches();
  for_each_in_parallel(batches.size(), threads, [&](std::size_t i) {
    thread_local std::string buffer(buffer_bytes, '\0');
    copy(batches[i], buffer);
  });
}

}  // namespace compose::disk
