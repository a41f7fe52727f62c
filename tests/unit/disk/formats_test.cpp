#include "disk/formats.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::disk {
namespace {

TEST_CASE("a VHD footer gets time 0, the given id and the checksum that goes with them") {
  const Uuid id = derive_uuid("demo", "disk");
  const std::string footer = constant_vhd_footer("conectix" + std::string(504, 'z'), id);
  CHECK(footer.substr(24, 4) == std::string(4, '\0'));
  CHECK(footer.substr(68, 16) == std::string(id.begin(), id.end()));
  std::uint32_t sum = 0;
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < footer.size(); ++i) {
    const auto byte = static_cast<unsigned char>(footer[i]);
    if (i >= 64 && i < 68)
      stored = stored << 8U | byte;
    else
      sum += byte;
  }
  CHECK(stored == ~sum);
  CHECK(constant_vhd_footer(footer, id) == footer);
  CHECK_THROWS_AS(constant_vhd_footer("something else", id), Error);
}

TEST_CASE("a VMDK descriptor gets a content id from the given one and changes nowhere else") {
  const Uuid id{0xde, 0xad, 0xbe, 0xef};
  CHECK(constant_vmdk_descriptor("version=1\nCID=12345678\nparentCID=ffffffff\n", id) ==
        "version=1\nCID=deadbeef\nparentCID=ffffffff\n");
  const std::string padding(20, '\0');
  CHECK(constant_vmdk_descriptor("version=1\nCID=12345678\nparentCID=ffffffff\n" + padding, id) ==
        constant_vmdk_descriptor("version=1\nCID=1234\nparentCID=ffffffff\n" + padding + std::string(4, '\0'), id));
  CHECK_THROWS_AS(constant_vmdk_descriptor("version=1\nCID=1\nparentCID=ffffffff\n", id), Error);
  CHECK_THROWS_AS(constant_vmdk_descriptor("no id", id), Error);
}

}  // namespace
}  // namespace compose::disk
