#include "disk/directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <cstring>
#include <map>

#include <ext2fs/ext2_fs.h>
#include <fmt/format.h>

namespace compose::disk {
namespace {

Node directory_with(std::size_t fixed, std::size_t additions) {
  Node node;
  node.meta = root_owned(S_IFDIR | 0755);
  for (std::size_t i = 0; i < fixed + additions; ++i) node.entries.push_back({fmt::format("name-{:04}", i), 1});
  node.fixed_entries = fixed;
  return node;
}

// Name -> (inode, offset) of the records in use; checks that the records fill the block.
std::map<std::string, std::pair<std::uint32_t, std::size_t>> parse(const std::string& block) {
  std::map<std::string, std::pair<std::uint32_t, std::size_t>> names;
  std::size_t at = 0;
  while (at < block_bytes - sizeof(ext2_dir_entry_tail)) {
    ext2_dir_entry_2 entry{};
    std::memcpy(&entry, block.data() + at, 8);
    REQUIRE(entry.rec_len >= 8);
    REQUIRE(entry.rec_len % 4 == 0);
    if (entry.inode != 0) names[block.substr(at + 8, entry.name_len)] = {entry.inode, at};
    at += entry.rec_len;
  }
  CHECK(at == block_bytes - sizeof(ext2_dir_entry_tail));
  return names;
}

TEST_CASE("an empty directory has one block") {
  const DirectoryPlan plan = plan_directory(directory_with(0, 0));
  CHECK(plan.blocks.size() == 1);
  CHECK(plan.fixed_blocks == 1);
}

TEST_CASE("additions use the room that is left, then blocks that do not belong to the base") {
  CHECK(plan_directory(directory_with(10, 10)).blocks.size() == 1);
  const DirectoryPlan plan = plan_directory(directory_with(10, 500));
  CHECK(plan.fixed_blocks == 1);
  CHECK(plan.blocks.size() == 3);
  CHECK(plan.blocks.front().last > 10);
  CHECK(plan.blocks.back().last == 510);
}

TEST_CASE("a directory that expects additions keeps them out of its fixed blocks") {
  Node node = directory_with(10, 1);
  node.separate_additions = true;
  const DirectoryPlan plan = plan_directory(node);
  CHECK(plan.fixed_blocks == 1);
  REQUIRE(plan.blocks.size() == 2);
  CHECK(plan.blocks[0].last == 10);
  CHECK(plan.blocks[1].first == 10);
}

TEST_CASE("all entries of a directory that the base does not have are fixed ones") {
  Node node = directory_with(0, 500);
  node.zone = volatile_zone;
  const DirectoryPlan plan = plan_directory(node);
  CHECK(plan.blocks.size() == plan.fixed_blocks);
}

TEST_CASE("a missing name leaves the others where they are") {
  std::vector<DirectoryRecord> records{
      {".", 5, 2}, {"..", 2, 2}, {"first", 11, 1}, {"second", 12, 1}, {"third", 13, 7}};
  const auto all = parse(encode_directory_block(records));
  records[3].inode = 0;
  const auto without = parse(encode_directory_block(records));
  CHECK(all.size() == 5);
  CHECK(without.size() == 4);
  CHECK(all.at("third") == without.at("third"));
}

TEST_CASE("a block may begin with a missing name, or hold none at all") {
  const std::vector<DirectoryRecord> gap_first{{"gone", 0, 0}, {"here", 12, 1}};
  CHECK(parse(encode_directory_block(gap_first)).size() == 1);
  CHECK(parse(encode_directory_block({})).empty());
}

}  // namespace
}  // namespace compose::disk
