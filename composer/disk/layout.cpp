#include "disk/layout.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::disk {
namespace {

constexpr std::uint64_t alignment_blocks = snapshot_block_bytes / block_bytes;
constexpr std::uint64_t large_blocks = alignment_blocks;
constexpr std::uint32_t root_inode = 2;
constexpr std::uint32_t first_inode = 11;  // lost+found
constexpr std::uint32_t inode_alignment = 64;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

// Hands out free blocks in ascending order.
class Space {
 public:
  explicit Space(const std::vector<Segment>& free) : free_(free) {}

  std::uint64_t position() const { return segment_ < free_.size() ? free_[segment_].first + used_ : end_; }
  std::uint64_t end() const { return end_; }

  // Continues at the first free block that is not before `block`.
  void advance_to(std::uint64_t block) {
    while (segment_ < free_.size() && block >= free_[segment_].first + free_[segment_].count) next_segment();
    if (segment_ < free_.size() && block > position()) used_ = block - free_[segment_].first;
  }

  void align() { advance_to(round_up(position(), alignment_blocks)); }

  Segment take(std::uint64_t most) {
    if (segment_ < free_.size() && used_ == free_[segment_].count) next_segment();
    if (segment_ >= free_.size()) throw Error(ErrorKind::input, "the disk is too small for this commit");
    const Segment taken{position(), std::min(most, free_[segment_].count - used_)};
    used_ += taken.count;
    end_ = taken.first + taken.count;
    return taken;
  }

 private:
  void next_segment() {
    ++segment_;
    used_ = 0;
  }

  const std::vector<Segment>& free_;
  std::size_t segment_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t end_ = 0;
};

class Allocator {
 public:
  Allocator(const Model& model, const std::vector<bool>& needs_xattr_block, const std::vector<Segment>& free)
      : model_(model), needs_xattr_block_(needs_xattr_block), space_(free), zones_(model.zones) {
    layout_.placements.resize(model.nodes.size());
    layout_.directories.resize(model.nodes.size());
    for (NodeId id = 0; id < model.nodes.size(); ++id) {
      zones_.at(model.nodes[id].zone).push_back(id);
      if (model.nodes[id].is_directory()) layout_.directories[id] = plan_directory(model.nodes[id]);
    }
  }

  Layout run() {
    number_inodes();
    for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
      if (zone != base_zone) space_.align();
      const std::uint64_t start = space_.position();
      if (zone == volatile_zone) place_additions();
      place_directories(zone);
      place_files(zone);
      if (zone >= volatile_zone) leave_room(start);
    }
    layout_.used_blocks = space_.end();
    return std::move(layout_);
  }

 private:
  void number_inodes() {
    std::uint32_t next = first_inode;
    for (const auto& zone : zones_) {
      const std::uint32_t start = next;
      for (const NodeId id : zone) layout_.placements[id].inode = id == root_node ? root_inode : next++;
      layout_.last_inode = next - 1;
      next = static_cast<std::uint32_t>(round_up(next + (next - start) / 8, inode_alignment));
    }
  }

  // A layer that grows by less than a quarter mostly leaves the next one in its place.
  void leave_room(std::uint64_t start) {
    const std::uint64_t used = space_.position() - start;
    std::uint64_t unit = alignment_blocks;
    while (unit * 8 <= used) unit *= 2;
    space_.advance_to(start + round_up(used, unit));
  }

  void place_directories(std::size_t zone) {
    for (const NodeId id : zones_[zone]) {
      if (model_.nodes[id].is_directory()) extend(id, 0, layout_.directories[id].fixed_blocks);
    }
    for (const NodeId id : zones_[zone]) {
      if (!model_.nodes[id].is_directory()) continue;
      place_xattrs(id);
      if (zone != base_zone) place_leaves(id);  // the base's directories may still get additions
    }
  }

  // Blocks for what later commits add to the base's directories. A directory that expects additions gets its first such
  // block whether it needs it or not, and these come first, so that an overflow moves none of them.
  void place_additions() {
    for (const NodeId id : zones_[base_zone]) {
      const std::size_t fixed = layout_.directories[id].fixed_blocks;
      if (model_.nodes[id].separate_additions) extend(id, fixed, fixed + 1);
    }
    for (const NodeId id : zones_[base_zone]) {
      if (!model_.nodes[id].is_directory()) continue;
      const std::size_t done = layout_.directories[id].fixed_blocks + (model_.nodes[id].separate_additions ? 1 : 0);
      extend(id, done, layout_.directories[id].blocks.size());
      place_leaves(id);
    }
  }

  void place_files(std::size_t zone) {
    std::vector<NodeId> large;
    for (const NodeId id : zones_[zone]) {
      const Node& node = model_.nodes[id];
      if (node.is_directory()) continue;
      const bool goes_last = zone >= first_layer_zone && blocks_of(node) >= large_blocks;
      if (goes_last) {
        large.push_back(id);
      } else {
        place_file(id);
      }
    }
    std::stable_sort(large.begin(), large.end(),
                     [&](NodeId a, NodeId b) { return blocks_of(model_.nodes[a]) < blocks_of(model_.nodes[b]); });
    for (const NodeId id : large) place_file(id);
  }

  static std::uint64_t blocks_of(const Node& node) {
    std::uint64_t blocks = 0;
    for (const auto& run : node.runs) blocks += run.count;
    return blocks;
  }

  void place_file(NodeId id) {
    for (const auto& run : model_.nodes[id].runs) extend(id, run.first, run.first + run.count);
    place_xattrs(id);
    place_leaves(id);
  }

  void place_xattrs(NodeId id) {
    if (needs_xattr_block_[id]) layout_.placements[id].xattr_block = space_.take(1).first;
  }

  void place_leaves(NodeId id) {
    auto& placement = layout_.placements[id];
    if (placement.extents.size() <= extents_in_inode) return;
    const std::size_t leaves = (placement.extents.size() + extents_in_block - 1) / extents_in_block;
    if (leaves > extents_in_inode) {
      throw Error(ErrorKind::input,
                  fmt::format("a file of {} bytes would be in {} pieces, more than this writer supports",
                              model_.nodes[id].size_bytes, placement.extents.size()));
    }
    for (std::size_t i = 0; i < leaves; ++i) placement.extent_blocks.push_back(space_.take(1).first);
  }

  // Gives blocks to [from, to) of the node.
  void extend(NodeId id, std::uint64_t from, std::uint64_t to) {
    auto& extents = layout_.placements[id].extents;
    while (from < to) {
      const Segment segment = space_.take(std::min(to - from, extent_blocks_limit));
      Extent* last = extents.empty() ? nullptr : &extents.back();
      const bool continues = last != nullptr && last->physical + last->count == segment.first &&
                             last->logical + last->count == from && last->count + segment.count <= extent_blocks_limit;
      if (continues) {
        last->count += segment.count;
      } else {
        extents.push_back({from, segment.first, segment.count});
      }
      from += segment.count;
    }
  }

  const Model& model_;
  const std::vector<bool>& needs_xattr_block_;
  Space space_;
  std::vector<std::vector<NodeId>> zones_;
  Layout layout_;
};

}  // namespace

Layout make_layout(const Model& model, const std::vector<bool>& needs_xattr_block, const std::vector<Segment>& free) {
  return Allocator(model, needs_xattr_block, free).run();
}

}  // namespace compose::disk
