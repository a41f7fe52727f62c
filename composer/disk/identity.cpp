#include "disk/identity.hpp"

#include <algorithm>

#include "support/digest.hpp"

namespace compose::disk {

Uuid derive_uuid(std::string_view name, std::string_view role) {
  constexpr std::string_view separator("\0", 1);
  const Sha256Bytes digest =
      Sha256().update("atomic-compose disk 1").update(separator).update(name).update(separator).update(role).finish();
  Uuid uuid{};
  std::copy_n(digest.begin(), uuid.size(), uuid.begin());
  uuid[6] = static_cast<unsigned char>((uuid[6] & 0x0fU) | 0x80U);
  uuid[8] = static_cast<unsigned char>((uuid[8] & 0x3fU) | 0x80U);
  return uuid;
}

std::string to_string(const Uuid& uuid) {
  std::string text = to_hex(uuid);
  for (const std::size_t position : {8U, 13U, 18U, 23U}) text.insert(position, 1, '-');
  return text;
}

Identity::Identity(std::string_view name)
    : disk(derive_uuid(name, "disk")),
      bios_partition(derive_uuid(name, "bios partition")),
      esp_partition(derive_uuid(name, "esp partition")),
      boot_partition(derive_uuid(name, "boot partition")),
      root_partition(derive_uuid(name, "root partition")),
      boot_filesystem(derive_uuid(name, "boot file system")),
      root_filesystem(derive_uuid(name, "root file system")),
      boot_hash_seed(derive_uuid(name, "boot hash seed")),
      root_hash_seed(derive_uuid(name, "root hash seed")) {
  const Uuid id = derive_uuid(name, "esp volume");
  esp_volume_id = (std::uint32_t{id[0]} << 24U) | (std::uint32_t{id[1]} << 16U) | (std::uint32_t{id[2]} << 8U) | id[3];
}

}  // namespace compose::disk
