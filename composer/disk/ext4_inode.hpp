#pragma once
// The part of the ext4 writer that turns one node into its inode, directory blocks and attribute block. Private to
// disk/.

#include <vector>

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include "disk/layout.hpp"
#include "disk/model.hpp"
#include "disk/xattr.hpp"

namespace compose::disk {

class InodeWriter {
 public:
  InodeWriter(ext2_filsys fs, const Model& model, const Layout& layout, const std::vector<EncodedXattrs>& xattrs)
      : fs_(fs), model_(model), layout_(layout), xattrs_(xattrs) {}

  // The node's inode and all blocks that are not a file's content; marks everything as used.
  void write(NodeId id);

 private:
  // As on disk: 128 bytes, 32 extra ones, the rest for attributes.
  union Inode {
    ext2_inode_large fields;
    char bytes[256];
  };

  void fill(Inode& inode, NodeId id) const;
  void set_extents(Inode& inode, NodeId id) const;
  void write_extent_blocks(NodeId id, Inode& inode) const;
  void mark_used(NodeId id) const;
  void write_directory(NodeId id) const;
  std::uint16_t link_count(const Node& node) const;

  ext2_filsys fs_;
  const Model& model_;
  const Layout& layout_;
  const std::vector<EncodedXattrs>& xattrs_;
};

}  // namespace compose::disk
