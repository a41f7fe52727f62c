#include "disk/bootloader.hpp"

#include <catch2/catch.hpp>

#include <cstring>

#include "support/error.hpp"

namespace compose::disk {
namespace {

template <typename Value>
Value at(const std::string& text, std::size_t offset) {
  Value value{};
  std::memcpy(&value, text.data() + offset, sizeof(value));
  return value;
}

TEST_CASE("GRUB's boot sector learns where its core image is and leaves the partition table alone") {
  const std::string code = patch_boot_code(std::string(512, 'b'), 2048);
  CHECK(code.size() == 440);
  CHECK(at<std::uint64_t>(code, 0x5c) == 2048);
  CHECK(at<std::uint8_t>(code, 0x64) == 0xff);
  CHECK(at<std::uint16_t>(code, 0x66) == 0x9090);
  CHECK_THROWS_AS(patch_boot_code("short", 2048), Error);
}

TEST_CASE("the core image's block list names the sectors behind its first one") {
  const std::string core = patch_core_image(std::string(1025, 'c'), 2048);
  CHECK(core.size() == 1025);
  CHECK(at<std::uint64_t>(core, 0x1f4) == 2049);
  CHECK(at<std::uint16_t>(core, 0x1fc) == 2);
  CHECK_THROWS_AS(patch_core_image("short", 2048), Error);
}

}  // namespace
}  // namespace compose::disk
