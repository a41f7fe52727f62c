#pragma once
// Extended attributes in ext4's own form (Documentation/filesystems/ext4/attributes.rst in the Linux kernel): small
// ones in the inode, the rest in one block. Pure; checksums of the block are the writer's business.

#include <string>

#include "support/content.hpp"

namespace compose::disk {

constexpr std::size_t inode_xattr_bytes = 256 - 128 - 32;  // an inode of 256 bytes with 32 bytes of extra fields

struct EncodedXattrs {
  std::string in_inode;  // empty, or inode_xattr_bytes long
  std::string in_block;  // empty, or block_bytes long
};

// Labels and capabilities are preferred in the inode. Throws Error(input) naming `object` when the attributes do not
// fit into one block, or when one has a name whose prefix ext4 does not know.
EncodedXattrs encode_xattrs(const Xattrs& xattrs, const std::string& object);

}  // namespace compose::disk
