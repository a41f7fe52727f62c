#include "disk/identity.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace compose::disk {
namespace {

TEST_CASE("ids depend on the name and the role alone") {
  CHECK(derive_uuid("demo", "disk") == derive_uuid("demo", "disk"));
  CHECK(derive_uuid("demo", "disk") != derive_uuid("demo", "root"));
  CHECK(derive_uuid("demo", "disk") != derive_uuid("other", "disk"));
  CHECK(derive_uuid("ab", "c") != derive_uuid("a", "bc"));
  // Images that are already published have these: the derivation must never change.
  CHECK(to_string(derive_uuid("demo", "root file system")) == "947ea785-0cb2-853e-b62c-38c0204e9cc9");
}

TEST_CASE("ids are valid UUIDs of version 8, all different") {
  const Identity identity("demo");
  std::set<std::string> all;
  for (const Uuid& uuid : {identity.disk, identity.bios_partition, identity.esp_partition, identity.boot_partition,
                           identity.root_partition, identity.boot_filesystem, identity.root_filesystem}) {
    const std::string text = to_string(uuid);
    CHECK(text.size() == 36);
    CHECK(text[14] == '8');
    CHECK(std::string("89ab").find(text[19]) != std::string::npos);
    all.insert(text);
  }
  CHECK(all.size() == 7);
}

}  // namespace
}  // namespace compose::disk
