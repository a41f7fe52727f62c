#include "disk/layout.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "support/error.hpp"

namespace compose::disk {
namespace {

const std::vector<Segment> endless{{100, 1U << 30U}};

NodeId add_sized(Model& model, const std::string& name, std::uint64_t blocks, std::size_t zone) {
  const NodeId id = model.add_file(root_node, name, root_owned(S_IFREG | 0644), "", zone);
  model.nodes[id].size_bytes = blocks * block_bytes;
  model.nodes[id].runs = {{0, blocks}};
  return id;
}

Layout layout_of(const Model& model, const std::vector<Segment>& free = endless) {
  return make_layout(model, std::vector<bool>(model.nodes.size()), free);
}

TEST_CASE("the root directory has inode 2, lost+found 11, and the others follow in the order of zones") {
  Model model;
  model.zones = 3;
  const NodeId late = add_sized(model, "late", 1, first_layer_zone);
  const NodeId early = add_sized(model, "early", 1, base_zone);
  const Layout layout = layout_of(model);
  CHECK(layout.placements[root_node].inode == 2);
  CHECK(layout.placements[lost_and_found_node].inode == 11);
  CHECK(layout.placements[early].inode == 12);
  CHECK(layout.placements[late].inode % 64 == 0);
  CHECK(layout.placements[late].inode > layout.placements[early].inode);
}

TEST_CASE("a node that is not present keeps its inode and blocks free") {
  Model model;
  const NodeId gone = add_sized(model, "gone", 7, base_zone);
  const NodeId next = add_sized(model, "next", 1, base_zone);
  const Layout with = layout_of(model);
  model.nodes[gone].present = false;
  const Layout without = layout_of(model);
  CHECK(with.placements[next].inode == without.placements[next].inode);
  CHECK(with.placements[next].extents == without.placements[next].extents);
}

TEST_CASE("directories come before files, and every zone starts at a snapshot block") {
  Model model;
  model.zones = 4;
  const NodeId file = add_sized(model, "file", 3, base_zone);
  const NodeId directory = model.add_directory(root_node, "directory", root_owned(S_IFDIR | 0755), base_zone);
  const NodeId first = add_sized(model, "first", 1, first_layer_zone);
  const NodeId second = add_sized(model, "second", 1, first_layer_zone + 1);
  const Layout layout = layout_of(model);
  CHECK(layout.placements[directory].extents.at(0).physical < layout.placements[file].extents.at(0).physical);
  CHECK(layout.placements[first].extents.at(0).physical % 128 == 0);
  CHECK(layout.placements[second].extents.at(0).physical % 128 == 0);
  CHECK(layout.placements[second].extents.at(0).physical - layout.placements[first].extents.at(0).physical == 128);
}

TEST_CASE("a layer that grows by a few percent leaves the next one in its place") {
  const auto place_of_next = [](std::uint64_t agent_blocks) {
    Model model;
    model.zones = 4;
    add_sized(model, "agent", agent_blocks, first_layer_zone);
    const NodeId next = add_sized(model, "next", 1, first_layer_zone + 1);
    return layout_of(model).placements[next].extents.at(0).physical;
  };
  CHECK(place_of_next(15000) == place_of_next(15600));
}

TEST_CASE("large files of a layer come last, smallest first, so that growth moves nothing small") {
  Model model;
  model.zones = 3;
  const NodeId large = add_sized(model, "a-large", 1000, first_layer_zone);
  const NodeId larger = add_sized(model, "b-larger", 2000, first_layer_zone);
  const NodeId small = add_sized(model, "c-small", 1, first_layer_zone);
  const Layout layout = layout_of(model);
  CHECK(layout.placements[small].extents.at(0).physical < layout.placements[large].extents.at(0).physical);
  CHECK(layout.placements[large].extents.at(0).physical < layout.placements[larger].extents.at(0).physical);
}

TEST_CASE("a file is split where the file system's own tables are in the way and at 128 MiB") {
  Model model;
  const NodeId file = add_sized(model, "file", 40000, base_zone);
  const Layout layout = layout_of(model, {{100, 50}, {1000, 100000}});
  const auto& extents = layout.placements[file].extents;
  REQUIRE(extents.size() == 3);
  CHECK(extents[0].physical + extents[0].count == 150);
  CHECK(extents[1] == Extent{extents[0].count, 1000, 32768});
  CHECK(extents[2].physical == 1000 + 32768);
}

TEST_CASE("more than four pieces get a block for the tree of extents") {
  Model model;
  const NodeId file = add_sized(model, "file", 1, base_zone);
  model.nodes[file].runs.clear();
  for (std::uint64_t i = 0; i < 400; ++i) model.nodes[file].runs.push_back({i * 100, 2});
  model.nodes[file].size_bytes = 40000 * block_bytes;
  const Layout layout = layout_of(model, {{100, 50}, {1000, 100000}});
  CHECK(layout.placements[file].extents.size() >= 400);
  CHECK(layout.placements[file].extent_blocks.size() == 2);
}

TEST_CASE("a disk without room says so") {
  Model model;
  add_sized(model, "file", 1000, base_zone);
  CHECK_THROWS_WITH(layout_of(model, {{100, 500}}), "the disk is too small for this commit");
}

}  // namespace
}  // namespace compose::disk
