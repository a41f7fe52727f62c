#include "publish/image_blocks.hpp"

#include <catch2/catch.hpp>

#include "disk/allocation.hpp"
#include "support/error.hpp"

namespace compose::publish {
namespace {

Sha256Bytes content(std::string_view text) { return Sha256().update(text).finish(); }

ImageBlocks image_of(std::vector<Block> blocks) { return {8ULL << 30U, std::move(blocks)}; }

TEST_CASE("without a parent every block that counts is sent, zeros too") {
  const ImageBlocks image = image_of({{0, content("a")}, {3, zero_block()}, {9, content("b")}});
  CHECK(blocks_to_send(image, nullptr) == image.blocks);
}

TEST_CASE("on top of a parent what differs is sent, and zeros for what only the parent has") {
  const ImageBlocks parent =
      image_of({{0, content("a")}, {1, content("gone")}, {2, zero_block()}, {5, content("old")}, {9, content("last")}});
  const ImageBlocks image = image_of({{0, content("a")}, {3, zero_block()}, {5, content("new")}, {6, content("more")}});
  const std::vector<Block> expected{
      {1, zero_block()}, {3, zero_block()}, {5, content("new")}, {6, content("more")}, {9, zero_block()}};
  CHECK(blocks_to_send(image, &parent) == expected);
  CHECK(blocks_to_send(image, &image).empty());
}

TEST_CASE("blocks are written as text in runs and read again") {
  const std::vector<Block> blocks{{0, content("a")}, {1, content("b")}, {7, content("c")}};
  const std::string text = to_text(blocks);
  CHECK(text == "0:" + to_hex(content("a")) + to_hex(content("b")) + " 7:" + to_hex(content("c")));
  CHECK(parse_blocks(text, "here") == blocks);
  CHECK(parse_blocks("", "here").empty());
}

TEST_CASE("text that is no list of blocks is refused") {
  const std::string digest = to_hex(content("a"));
  for (const std::string& text : {std::string("x:" + digest), "1" + digest, "1:" + digest.substr(1), std::string("1:"),
                                  "4:" + digest + " 4:" + digest, "5:" + digest + " 4:" + digest,
                                  "99999999999:" + digest, "1:" + std::string(64, 'G')}) {
    INFO(text);
    CHECK_THROWS_WITH(parse_blocks(text, "ledger:3"), Catch::Contains("ledger:3: not a list of blocks"));
  }
}

TEST_CASE("the linear checksum is that of the blocks' checksums in their order") {
  const std::vector<Block> blocks{{2, content("a")}, {5, content("b")}};
  std::string all;
  for (const Block& block : blocks) all.append(block.sha256.begin(), block.sha256.end());
  CHECK(linear_checksum(blocks) == content(all));
}

TEST_CASE("a volume has whole GiB") {
  CHECK(volume_gib(1) == 1);
  CHECK(volume_gib(2ULL << 30U) == 2);
  CHECK(volume_gib((2ULL << 30U) + 1) == 3);
}

}  // namespace
}  // namespace compose::publish
