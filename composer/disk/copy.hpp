#pragma once
// Copies the content of files to their places in the image, with several threads and bounded memory.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "disk/layout.hpp"
#include "disk/model.hpp"
#include "support/path.hpp"

namespace compose::disk {

// The parts of a regular file that are not zero: all of it, unless there are long runs of zeros (64 KiB or more, in a
// file of 1 MiB or more). Depends on the content alone, never on how the file is stored.
std::vector<BlockRun> find_runs(const fs::path& file, std::uint64_t size_bytes);

// Of each of the chain's files; nothing of symbolic links.
std::vector<std::vector<BlockRun>> find_runs(const ChainContent& chain);

// Copies a file's content to `offset_bytes` of the image, leaving out long runs of zeros.
void copy_into(const fs::path& file, int image_fd, std::uint64_t offset_bytes);

// Copies what all present nodes of `model` hold into `image_fd`. `offset_bytes` is where the file system starts.
class ContentCopier {
 public:
  // Both must outlive the copier.
  ContentCopier(const ChainContent& chain, int image_fd);

  void add(const Model& model, const Layout& layout, std::uint64_t offset_bytes);
  // Copies everything; returns when it is done. Throws the first error. `on_settled` is told again and again, by any of
  // the threads but one at a time, before which place in the image all content is there: UINT64_MAX at the end.
  void run(unsigned threads, const std::function<void(std::uint64_t end_bytes)>& on_settled);
  // How far run() is; to be called from other threads.
  std::uint64_t done_bytes() const noexcept { return done_bytes_; }

  std::uint64_t total_bytes() const noexcept { return total_bytes_; }

 private:
  // At most one buffer of bytes from one node, to one place.
  struct Piece {
    const Node* node = nullptr;
    std::uint64_t file_offset = 0;
    std::uint64_t disk_offset = 0;
    std::uint32_t bytes = 0;
  };
  // Pieces [first, last) follow each other on disk and fit into one buffer together.
  struct Batch {
    std::size_t first = 0;
    std::size_t last = 0;
    bool done = false;
  };

  void plan_batches();
  void copy(const Batch& batch, std::string& buffer);
  std::uint64_t settled_after(std::size_t batch);
  void read_piece(const Piece& piece, char* to) const;

  const ChainContent& chain_;
  int image_fd_;
  std::vector<Piece> pieces_;
  std::vector<Batch> batches_;
  std::size_t first_open_batch_ = 0;
  std::uint64_t total_bytes_ = 0;
  std::atomic<std::uint64_t> done_bytes_{0};
};

}  // namespace compose::disk
