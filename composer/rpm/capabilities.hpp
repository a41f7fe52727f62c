#pragma once
// File capabilities as a package writes them (cap_from_text(3)) to what a file system keeps: the value of the attribute
// security.capability, struct vfs_cap_data version 2 of linux/capability.h, little-endian.

#include <string>

namespace compose::rpm {

// 20 bytes. Throws Error(input) for text that is no capabilities, or that the attribute cannot express: it has one
// effective bit for all that are permitted or inheritable.
std::string capability_attribute(const std::string& text);

}  // namespace compose::rpm
