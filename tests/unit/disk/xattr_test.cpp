#include "disk/xattr.hpp"

#include <catch2/catch.hpp>

#include "disk/model.hpp"
#include "support/error.hpp"

namespace compose::disk {
namespace {

const std::string label = std::string("system_u:object_r:bin_t:s0") + '\0';

TEST_CASE("a file without attributes needs no room") {
  const EncodedXattrs encoded = encode_xattrs({}, "x");
  CHECK(encoded.in_inode.empty());
  CHECK(encoded.in_block.empty());
}

TEST_CASE("a label goes into the inode") {
  const EncodedXattrs encoded = encode_xattrs({{"security.selinux", label}}, "x");
  CHECK(encoded.in_inode.size() == inode_xattr_bytes);
  CHECK(encoded.in_inode.find("selinux") != std::string::npos);
  CHECK(encoded.in_block.empty());
}

TEST_CASE("what the inode has no room for goes into one block, the label stays") {
  const EncodedXattrs encoded = encode_xattrs({{"security.selinux", label}, {"user.a", std::string(3900, 'a')}}, "x");
  CHECK(encoded.in_inode.find("selinux") != std::string::npos);
  CHECK(encoded.in_block.size() == block_bytes);
}

TEST_CASE("attributes that do not fit are an error that names the file") {
  CHECK_THROWS_WITH(encode_xattrs({{"user.a", std::string(4096, 'a')}}, "usr/bin/x"), Catch::Contains("usr/bin/x"));
}

TEST_CASE("an attribute of a kind that ext4 does not know is an error that names it") {
  CHECK_THROWS_WITH(encode_xattrs({{"btrfs.compression", "zstd"}}, "x"), Catch::Contains("btrfs.compression"));
}

TEST_CASE("an access control list takes ext4's shorter form") {
  // Version 2; user::rw-, user:1000:r--, group::r--, mask::r--, other::r--.
  const std::string acl(
      "\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xe8\x03\0\0\x04\0\x04\0\xff\xff\xff\xff\x10\0\x04\0\xff\xff"
      "\xff\xff\x20\0\x04\0\xff\xff\xff\xff",
      44);
  const EncodedXattrs encoded = encode_xattrs({{"system.posix_acl_access", acl}}, "x");
  const std::string on_disk("\x01\0\0\0\x01\0\x06\0\x02\0\x04\0\xe8\x03\0\0\x04\0\x04\0\x10\0\x04\0\x20\0\x04\0", 28);
  CHECK(encoded.in_inode.find(on_disk) != std::string::npos);
  CHECK_THROWS_AS(encode_xattrs({{"system.posix_acl_access", "short"}}, "x"), Error);
}

}  // namespace
}  // namespace compose::disk
