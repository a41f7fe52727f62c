#include "disk/image_state.hpp"

#include <catch2/catch.hpp>

namespace compose::disk {
namespace {

ImageState example() {
  ImageState state;
  state.blocks = BlockHashes(1000 * block_bytes);
  state.blocks.set(3, Sha256Bytes{3});
  state.blocks.set(999, Sha256Bytes{9});
  state.content = {{4096, 0, 100, Sha256Bytes{1}}, {8192, 1U << 20U, 4096, Sha256Bytes{2}}};
  return state;
}

std::string encoded(const ImageState& state) {
  std::string bytes;
  encode(state, [&](std::string_view piece) { bytes += piece; });
  return bytes;
}

TEST_CASE("what is known of an image comes back as it was") {
  const auto back = decode(encoded(example()));
  REQUIRE(back);
  CHECK(back->content == example().content);
  CHECK(back->blocks.fsverity() == example().blocks.fsverity());
  CHECK(back->blocks.of(999) == Sha256Bytes{9});
}

TEST_CASE("what is cut off, longer or changed anywhere is not taken for what is known of an image") {
  const std::string bytes = encoded(example());
  for (std::size_t size = 0; size < bytes.size(); size += 97) CHECK_FALSE(decode(bytes.substr(0, size)));
  CHECK_FALSE(decode(bytes + "x"));
  for (std::size_t at = 0; at < bytes.size(); at += 61) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CHECK_FALSE(decode(changed));
  }
}

}  // namespace
}  // namespace compose::disk
