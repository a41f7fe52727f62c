#include "disk/xattr.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <tuple>
#include <vector>

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include <fmt/format.h>

#include "disk/model.hpp"
#include "support/error.hpp"

namespace compose::disk {
namespace {

struct Attribute {
  std::uint8_t index = 0;
  std::string name;  // without the prefix that the index stands for
  std::string value;
};

struct Prefix {
  std::string_view text;
  std::uint8_t index;
};

constexpr std::array prefixes{
    Prefix{"user.", 1},
    Prefix{"system.posix_acl_access", 2},
    Prefix{"system.posix_acl_default", 3},
    Prefix{"trusted.", 4},
    Prefix{"security.", 6},
    Prefix{"system.", 7},
};

// ext4 keeps ACLs in a shorter form than the one that getxattr() and OSTree know.
std::string acl_on_disk(std::string_view value, const std::string& object) {
  constexpr std::size_t header_bytes = 4;
  constexpr std::size_t entry_bytes = 8;
  if (value.size() < header_bytes || (value.size() - header_bytes) % entry_bytes != 0) {
    throw Error(ErrorKind::input, fmt::format("'{}' has an ACL that is not well-formed", object));
  }
  std::string result("\x01\0\0\0", 4);
  for (std::size_t at = header_bytes; at < value.size(); at += entry_bytes) {
    const auto tag = static_cast<unsigned char>(value[at]);
    const bool names_somebody = tag == 0x02 || tag == 0x08;  // ACL_USER, ACL_GROUP
    result.append(value.substr(at, names_somebody ? entry_bytes : 4));
  }
  return result;
}

Attribute parse(const std::string& name, const std::string& value, const std::string& object) {
  for (const auto& prefix : prefixes) {
    if (!name.starts_with(prefix.text)) continue;
    const bool acl = prefix.index == 2 || prefix.index == 3;
    if (acl && name.size() != prefix.text.size()) continue;
    return {prefix.index, name.substr(prefix.text.size()), acl ? acl_on_disk(value, object) : value};
  }
  throw Error(ErrorKind::input,
              fmt::format("'{}' has the extended attribute '{}', which ext4 cannot hold", object, name),
              "names start with user., trusted., security. or system.");
}

std::size_t padded(std::size_t size) { return (size + EXT2_EXT_ATTR_ROUND) & ~std::size_t{EXT2_EXT_ATTR_ROUND}; }

std::size_t needed(const Attribute& attribute) {
  return padded(sizeof(ext2_ext_attr_entry) + attribute.name.size()) + padded(attribute.value.size());
}

// Entries grow from the start, values from the end; offsets count from `offset_base`.
class Packer {
 public:
  Packer(std::string& area, std::size_t entries_at, std::size_t offset_base)
      : area_(area), entry_(entries_at), value_(area.size()), offset_base_(offset_base) {}

  bool fits(const Attribute& attribute) const { return entry_ + needed(attribute) + sizeof(std::uint32_t) <= value_; }

  ext2_ext_attr_entry* add(const Attribute& attribute) {
    value_ -= padded(attribute.value.size());
    std::memcpy(area_.data() + value_, attribute.value.data(), attribute.value.size());
    ext2_ext_attr_entry entry{};
    entry.e_name_len = static_cast<std::uint8_t>(attribute.name.size());
    entry.e_name_index = attribute.index;
    entry.e_value_offs = attribute.value.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(value_ - offset_base_);
    entry.e_value_size = static_cast<std::uint32_t>(attribute.value.size());
    void* place = area_.data() + entry_;
    std::memcpy(place, &entry, sizeof(entry));
    std::memcpy(area_.data() + entry_ + sizeof(entry), attribute.name.data(), attribute.name.size());
    entry_ += padded(sizeof(entry) + attribute.name.size());
    return static_cast<ext2_ext_attr_entry*>(place);
  }

  char* value() { return area_.data() + value_; }

 private:
  std::string& area_;
  std::size_t entry_;
  std::size_t value_;
  std::size_t offset_base_;
};

std::string pack_inode(std::vector<Attribute>& attributes) {
  std::string area(inode_xattr_bytes, '\0');
  const std::uint32_t magic = EXT2_EXT_ATTR_MAGIC;
  std::memcpy(area.data(), &magic, sizeof(magic));
  Packer packer(area, sizeof(magic), sizeof(magic));
  const std::size_t before = attributes.size();
  const auto take = [&](bool security) {
    std::erase_if(attributes, [&](const Attribute& attribute) {
      if ((attribute.index == 6) != security || !packer.fits(attribute)) return false;
      packer.add(attribute);
      return true;
    });
  };
  take(true);
  take(false);
  return attributes.size() < before ? area : std::string();
}

std::string pack_block(const std::vector<Attribute>& attributes, const std::string& object) {
  std::string area(block_bytes, '\0');
  ext2_ext_attr_header header{};
  header.h_magic = EXT2_EXT_ATTR_MAGIC;
  header.h_refcount = 1;
  header.h_blocks = 1;
  std::memcpy(area.data(), &header, sizeof(header));
  Packer packer(area, sizeof(header), 0);
  for (const auto& attribute : attributes) {
    if (!packer.fits(attribute)) {
      throw Error(
          ErrorKind::input,
          fmt::format("the extended attributes of '{}' do not fit into one block of {} bytes", object, block_bytes),
          "ext4 keeps all attributes of a file in its inode and one block");
    }
    ext2_ext_attr_entry* entry = packer.add(attribute);
    entry->e_hash = ext2fs_ext_attr_hash_entry(entry, packer.value());
  }
  void* start = area.data();
  ext2fs_ext_attr_block_rehash(static_cast<ext2_ext_attr_header*>(start),
                               static_cast<ext2_ext_attr_entry*>(static_cast<void*>(area.data() + area.size())));
  return area;
}

}  // namespace

EncodedXattrs encode_xattrs(const Xattrs& xattrs, const std::string& object) {
  EncodedXattrs encoded;
  if (xattrs.empty()) return encoded;
  std::vector<Attribute> attributes;
  for (const auto& [name, value] : xattrs) attributes.push_back(parse(name, value, object));
  // The kernel searches a block in this order and stops early.
  std::sort(attributes.begin(), attributes.end(), [](const Attribute& a, const Attribute& b) {
    return std::tuple(a.index, a.name.size(), a.name) < std::tuple(b.index, b.name.size(), b.name);
  });
  encoded.in_inode = pack_inode(attributes);
  if (!attributes.empty()) encoded.in_block = pack_block(attributes, object);
  return encoded;
}

}  // namespace compose::disk
