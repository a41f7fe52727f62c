#pragma once
// The ids of an image: derived from the recipe's name alone, so that they are the same on every host and from version
// to version, and differ between recipes. A host gives its partitions new ones if it wants; nothing depends on
// randomness.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace compose::disk {

using Uuid = std::array<unsigned char, 16>;

// The first 16 bytes of SHA-256("atomic-compose disk 1", name, role) as a UUID of version 8 (RFC 9562, section 5.8).
Uuid derive_uuid(std::string_view name, std::string_view role);

// Lower case: "xxxxxxxx-xxxx-8xxx-xxxx-xxxxxxxxxxxx".
std::string to_string(const Uuid& uuid);

struct Identity {
  explicit Identity(std::string_view name);

  Uuid disk;
  Uuid bios_partition;
  Uuid esp_partition;
  Uuid boot_partition;
  Uuid root_partition;
  Uuid boot_filesystem;
  Uuid root_filesystem;
  Uuid boot_hash_seed;
  Uuid root_hash_seed;
  std::uint32_t esp_volume_id;
};

}  // namespace compose::disk
