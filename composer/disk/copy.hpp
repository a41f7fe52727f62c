#pragma once
// Copies the content of files to their places in the image, with several threads and bounded memory.

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "disk/block_writer.hpp"
#include "disk/image_state.hpp"
#include "disk/layout.hpp"
#include "disk/model.hpp"
#include "support/path.hpp"

namespace compose::disk {

// The parts of a regular file that are not zero: all of it, unless there are long runs of zeros (64 KiB or more, in a
// file of 1 MiB or more). Depends on the content alone, never on how the file is stored.
std::vector<BlockRun> find_runs(const fs::path& file, std::uint64_t size_bytes);

// Of each of the chain's files; nothing of symbolic links. What an image has of a file (`known`) tells it without
// reading.
std::vector<std::vector<BlockRun>> find_runs(const ChainContent& chain, const std::vector<ContentPiece>& known);

// Copies a file's content to `offset_bytes` of the image, leaving out long runs of zeros.
void copy_into(const fs::path& file, int image_fd, std::uint64_t offset_bytes);

// Puts into an image what the file `around`, of the image's length, has beside `content` (in the order of the disk):
// the data, and holes where that has holes. Throws Error(failed).
void put_around(const std::vector<ContentPiece>& content, const fs::path& around, BlockWriter& image);

// Puts what all present nodes of the models hold into an image.
class ContentCopier {
 public:
  // Both must outlive the copier.
  ContentCopier(const ChainContent& chain, BlockWriter& image) : chain_(chain), image_(image) {}

  // `offset_bytes` is where the file system starts.
  void add(const Model& model, const Layout& layout, std::uint64_t offset_bytes);
  // All that was added, in the order of the disk. Once, after the last add().
  std::vector<ContentPiece> plan();
  // Copies everything planned but what is among `there` (in the order of the disk): the image has that already. Throws
  // the first error.
  void run(unsigned threads, const std::vector<ContentPiece>& there);

  // How far run() is; to be called from other threads.
  std::uint64_t done_bytes() const noexcept { return done_bytes_; }
  std::uint64_t total_bytes() const noexcept { return total_bytes_; }

 private:
  // At most one buffer of bytes from one node, to one place.
  struct Piece {
    const Node* node = nullptr;
    ContentPiece place;
  };
  // Pieces [first, last) follow each other on disk and fit into one buffer together.
  struct Batch {
    std::size_t first = 0;
    std::size_t last = 0;
  };

  void leave_out(const std::vector<ContentPiece>& there);
  std::vector<Batch> make_batches() const;
  void copy(const Batch& batch, std::string& buffer);
  void read_piece(const Piece& piece, char* to) const;

  const ChainContent& chain_;
  BlockWriter& image_;
  std::vector<Piece> pieces_;
  std::atomic<std::uint64_t> total_bytes_ = 0;
  std::atomic<std::uint64_t> done_bytes_ = 0;
};

}  // namespace compose::disk
