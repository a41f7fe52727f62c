#pragma once
// Writes a model as an ext4 file system into a region of the image file, through libext2fs. The content of files is
// not written here: it is copied at the same time by others (copy.hpp); a layout says where.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "disk/identity.hpp"
#include "disk/layout.hpp"
#include "disk/model.hpp"
#include "disk/xattr.hpp"
#include "support/path.hpp"

namespace compose::disk {

struct Ext4Options {
  fs::path image;  // exists; the region is all zeros
  std::uint64_t offset_bytes = 0;
  std::uint64_t size_bytes = 0;
  std::string label;
  Uuid uuid{};
  Uuid hash_seed{};
  std::uint32_t journal_blocks = 0;
};

class Ext4 {
 public:
  // Makes an empty file system (superblocks, group descriptors, journal; features of Debian 12's mke2fs, room to grow
  // online to 1 TiB and beyond). Throws Error.
  explicit Ext4(const Ext4Options& options);
  ~Ext4();
  Ext4(const Ext4&) = delete;
  Ext4& operator=(const Ext4&) = delete;

  // What is free in it, in ascending order.
  std::vector<Segment> free_segments() const;
  std::uint32_t inode_count() const;

  // Inodes, directories, attributes, bitmaps. `xattrs` by NodeId.
  void write(const Model& model, const Layout& layout, const std::vector<EncodedXattrs>& xattrs);
  // Superblock and group descriptors last. Once.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Blocks that the file system itself takes in a region of `size_bytes` (an upper bound).
std::uint64_t ext4_overhead_blocks(std::uint64_t size_bytes, std::uint32_t journal_blocks);

}  // namespace compose::disk
