#include "rpm/capabilities.hpp"

#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

std::string hex(const std::string& text) {
  const std::string bytes = capability_attribute(text);
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});  // NOLINT: bytes are bytes
}

TEST_CASE("capabilities become the attribute's 20 bytes, little-endian") {
  CHECK(hex("cap_net_bind_service,cap_net_admin=ep") == "0100000200140000000000000000000000000000");
  CHECK(hex("= cap_net_raw+p") == "0000000200200000000000000000000000000000");
  CHECK(hex("cap_setuid=i") == "0000000200000000800000000000000000000000");
}

TEST_CASE("capabilities beyond the 32nd are in the attribute's second half") {
  CHECK(hex("cap_bpf=ep") == "0100000200000000000000008000000000000000");
}

TEST_CASE("capabilities that the attribute cannot say are refused") {
  for (const char* text : {"cap_none_such=ep", "nonsense", "cap_net_raw=ep cap_setuid=p", "=ep", "all=p"}) {
    INFO(text);
    CHECK_THROWS_AS(capability_attribute(text), Error);
  }
}

}  // namespace
}  // namespace compose::rpm
