// How much of a disk changes when a layer changes: what publishing the next version costs.

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>

#include "disk/disk.hpp"
#include "disk/gpt.hpp"
#include "disk/image_state.hpp"
#include "ostree/content.hpp"
#include "support/digest.hpp"
#include "support/disk_blocks.hpp"
#include "support/os_fixture.hpp"
#include "support/process.hpp"

namespace compose::disk {
namespace {

using namespace compose::tests;

struct Variant {
  std::size_t agent_bytes = 5'000'000;
  std::uint64_t agent_seed = 1;
  std::string overlay = "overlay 1\n";
  std::size_t changed_base_file_bytes = 0;  // 0: as in the base
};

class Versions {
 public:
  Versions() {
    base_ = repository_.commit(
        [](ostree::Tree& tree) {
          fill_top_level(tree);
          fill_etc(tree);
          fill_plain_files(tree, 3000);
        },
        {}, os_metadata("base"));
    state_ = write("before.raw", {}).state;
  }

  // Each version is a chain base ▸ agent ▸ overlay, as the program makes it.
  Differences against_first(const Variant& variant) {
    write("after.raw", variant);
    check_differences_alone(variant);
    const fs::path before = repository_.folder() / "before.raw";
    const fs::path after = repository_.folder() / "after.raw";
    REQUIRE(fs::file_size(before) == fs::file_size(after));
    const std::uint64_t root = make_geometry(fs::file_size(before), 384U << 20U, 0).root.offset_bytes;
    const ProcessResult check = run({"e2fsck", "-fn", fmt::format("{}?offset={}", after.string(), root)});
    INFO(check.out << check.err);
    CHECK(check.exit_code == 0);
    return differences(before, after, root);
  }

 private:
  // What is written as differences from the first version, into a copy and into its own file, is what is written anew.
  void check_differences_alone(const Variant& variant) {
    const std::string expected = sha256_of_file(repository_.folder() / "after.raw");
    fs::copy_file(repository_.folder() / "before.raw", repository_.folder() / "spare.raw");
    for (const bool is_spare : {false, true}) {
      StartImage start{repository_.folder() / (is_spare ? "spare.raw" : "before.raw"), copy_of(state_), is_spare};
      const DiskResult result = write("differences.raw", variant, &start);
      CHECK(sha256_of_file(repository_.folder() / "differences.raw") == expected);
      CHECK(result.state.blocks.fsverity() == fsverity_of(repository_.folder() / "after.raw"));
    }
    CHECK_FALSE(fs::exists(repository_.folder() / "spare.raw"));
  }

  static ImageState copy_of(const ImageState& state) {
    std::string bytes;
    encode(state, [&](std::string_view piece) { bytes += piece; });
    return decode(bytes).value();
  }

  static std::string fsverity_of(const fs::path& file) {
    const ProcessResult result = run({"fsverity", "digest", file.string()});
    return result.out.substr(0, result.out.find(' '));
  }

  DiskResult write(const std::string& name, const Variant& variant, StartImage* start = nullptr) {
    const std::string agent = repository_.commit(
        [&](ostree::Tree& tree) {
          tree.put_file("/usr/lib/agent/agent.tar", os_file(), noise(variant.agent_bytes, variant.agent_seed));
          tree.put_file("/usr/lib/agent/agent.id", os_file(), fmt::format("sha256:{}\n", variant.agent_seed));
          tree.put_file("/usr/lib/part-07/agent.service", os_file(), "[Unit]\n");
          tree.put_file("/usr/etc/agent/agent.config", os_file(), "CLUSTER=default\n");
        },
        base_, os_metadata("agent"));
    const std::string overlay = repository_.commit(
        [&](ostree::Tree& tree) {
          tree.put_file("/usr/share/overlay/file", os_file(), variant.overlay);
          tree.put_file("/usr/etc/overlay.conf", os_file(), "same\n");
          if (variant.changed_base_file_bytes > 0) {
            tree.put_file("/usr/lib/part-03/file-0003", os_file(), noise(variant.changed_base_file_bytes, 77));
          }
        },
        agent, os_metadata(fmt::format("{}", variant.agent_seed)));
    DiskSpec spec;
    spec.name = "stability";
    spec.stateroot = "stability";
    spec.ref = "stability/x86_64";
    const auto events = make_null_events();
    return write_raw_disk(spec, ostree::read_chain(repository_.get(), {base_, agent, overlay}),
                          repository_.folder() / name, *events, start);
  }

  ScratchRepository repository_;
  std::string base_;
  ImageState state_;
};

void show(const char* what, const Differences& found) {
  if (std::getenv("SHOW_BLOCKS") == nullptr) return;
  fmt::print("{}: {} snapshot blocks, {} without content\n", what, found.snapshot_blocks, found.without_content);
  for (const auto& [kinds, count] : found.explained) fmt::print("  {:>4} x {}\n", count, kinds);
  for (const auto& [kind, count] : found.by_kind) fmt::print("       {:>5} 4 KiB blocks of {}\n", count, kind);
}

TEST_CASE("a changed layer changes its own blocks of the disk and few others") {
  Versions versions;

  SECTION("an agent of the same size") {
    const Differences found = versions.against_first({5'000'000, 2});
    show("same size", found);
    CHECK(found.snapshot_blocks <= 10 + 6);
    CHECK(found.by_kind.count("block bitmap") == 0);
  }
  SECTION("a bigger agent") {
    const Differences found = versions.against_first({5'300'000, 2});
    show("bigger", found);
    CHECK(found.snapshot_blocks <= 11 + 10);
  }
  SECTION("a smaller agent") {
    const Differences found = versions.against_first({4'400'000, 2});
    show("smaller", found);
    CHECK(found.snapshot_blocks <= 10 + 10);
  }
  SECTION("a changed overlay") {
    Variant variant;
    variant.overlay = "overlay 2, a little longer\n";
    const Differences found = versions.against_first(variant);
    show("overlay", found);
    CHECK(found.snapshot_blocks <= 8);
  }
  SECTION("a changed file of the base") {
    Variant variant;
    variant.changed_base_file_bytes = 60000;
    const Differences found = versions.against_first(variant);
    show("base file", found);
    CHECK(found.snapshot_blocks <= 12);
  }
}

}  // namespace
}  // namespace compose::disk
