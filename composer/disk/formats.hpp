#pragma once
// The parts of the formats that qemu-img fills with times and random ids, made constant. Private to disk/.

#include <string>

#include "disk/identity.hpp"

namespace compose::disk {

constexpr std::size_t vhd_footer_bytes = 512;

// Time 0 and this id, with the checksum that goes with them (Virtual Hard Disk Image Format Specification 1.0, "Hard
// Disk Footer Format").
std::string constant_vhd_footer(std::string footer, const Uuid& id);

// The content id (CID) of an embedded descriptor from the id's first four bytes.
std::string constant_vmdk_descriptor(std::string descriptor, const Uuid& id);

}  // namespace compose::disk
