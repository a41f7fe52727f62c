#include "lock/difference.hpp"

#include <catch2/catch.hpp>

#include "lock/nevra_parts.hpp"

namespace compose::lock {
namespace {

// Which of two one-letter-per-step versions is newer: enough for what is compared here.
int by_text(const std::string& a, const std::string& b) { return nevra_parts(a)->evr.compare(nevra_parts(b)->evr); }

Lock::Package package(const std::string& nevra, std::uint64_t size_bytes = 1024, const std::string& repo = "fedora",
                      char digest = 'a') {
  return {nevra, repo, "Packages/" + nevra + ".rpm", size_bytes, std::string(64, digest)};
}

Lock lock_of(std::vector<Lock::Package> packages) {
  Lock lock;
  lock.base = {"fedora/stable", std::string(64, 'a'), "42.1"};
  lock.packages = std::move(packages);
  return lock;
}

std::vector<std::string> words(const Lock& from, const Lock& to) { return in_words(difference(from, to, by_text)); }

using Lines = std::vector<std::string>;

TEST_CASE("a lock does not differ from itself") {
  Lock lock = lock_of({package("a-1-1.x86_64")});
  lock.removed_packages = {"nano-1-1.x86_64"};
  lock.agent_images = {{"oci:x", "sha256:1"}};
  lock.ids.users = {{"ecs", 990}};
  CHECK(difference(lock, lock, by_text).empty());
  CHECK(words(lock, lock).empty());
}

TEST_CASE("each kind of change to a package has its word, sorted by name") {
  const Lock from = lock_of({package("up-1.90.0-1.x86_64", 10U << 20U), package("down-2-1.x86_64", 2048),
                             package("gone-1-1.noarch", 512), package("built-1-1.x86_64", 1024, "fedora", 'a'),
                             package("moved-1-1.x86_64"), package("same-1-1.x86_64")});
  const Lock to =
      lock_of({package("up-1.91.0-1.x86_64", (10U << 20U) + (1258291U)), package("down-1-1.x86_64", 1024),
               package("new-1:3-1.x86_64", 3U << 20U, "updates"), package("built-1-1.x86_64", 1024, "fedora", 'b'),
               package("moved-1-1.x86_64", 1024, "updates"), package("same-1-1.x86_64")});
  CHECK(words(from, to) == Lines{"rebuilt built 1-1", "downgraded down 2-1 -> 1-1 (-1.0 KiB)",
                                 "removed gone 1-1 (-512 B)", "moved moved 1-1 (from updates, was fedora)",
                                 "added new 1:3-1 (+3.0 MiB, from updates)",
                                 "upgraded up 1.90.0-1 -> 1.91.0-1 (+1.2 MiB)",
                                 "packages in total: 6, 10.0 MiB -> 6, 14.2 MiB (+4.2 MiB)"});
  const Difference found = difference(from, to, by_text);
  CHECK(found.from.size_bytes == (10U << 20U) + 2048 + 512 + 3 * 1024);
  REQUIRE(found.packages.size() == 6);
  CHECK(found.packages[5].added_bytes == 1258291);
}

TEST_CASE("an upgrade that comes from another repository says so, and a name in two architectures shows them") {
  const Lock from = lock_of({package("lib-1-1.x86_64"), package("lib-1-1.i686"), package("tool-1-1.noarch")});
  const Lock to =
      lock_of({package("lib-2-1.x86_64", 1024, "updates"), package("lib-1-1.i686"), package("tool-1-1.x86_64")});
  const Lines lines = words(from, to);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "upgraded lib.x86_64 1-1 -> 2-1 (from updates, was fedora)");
  CHECK(lines[1] == "removed tool.noarch 1-1 (-1.0 KiB)");
  CHECK(lines[2] == "added tool.x86_64 1-1 (+1.0 KiB, from fedora)");
}

TEST_CASE("two spellings of one version are no upgrade") {
  const auto equal = [](const std::string&, const std::string&) { return 0; };
  const Difference found = difference(lock_of({package("a-1.0-1.x")}), lock_of({package("a-1.00-1.x")}), equal);
  REQUIRE(found.packages.size() == 1);
  CHECK(found.packages[0].change == Difference::Change::rebuilt);
  CHECK(in_words(found)[0] == "rebuilt a 1.0-1 -> 1.00-1");
}

TEST_CASE("a moved base, images, numbers and what goes out of the base are told") {
  Lock from = lock_of({});
  from.removed_packages = {"nano-1-1.x86_64", "vi-1-1.x86_64"};
  from.agent_images = {{"oci:a", "sha256:1"}, {"oci:b", "sha256:2"}};
  from.ids.users = {{"ecs", 990}, {"old", 991}};
  Lock to = lock_of({});
  to.base = {"fedora/stable", std::string(64, 'b'), "42.2"};
  to.removed_packages = {"vi-1-1.x86_64", "ed-1-1.x86_64"};
  to.agent_images = {{"oci:a", "sha256:3"}, {"oci:c", "sha256:4"}};
  to.ids.users = {{"ecs", 992}};
  to.ids.groups = {{"ecs", 992}};
  CHECK(words(from, to) == Lines{"changed base 42.1 (aaaaaaaaaaaa) -> 42.2 (bbbbbbbbbbbb)",
                                 "taken out of the base ed-1-1.x86_64", "left in the base nano-1-1.x86_64",
                                 "changed agent image oci:a sha256:1 -> sha256:3", "added agent image oci:c sha256:4",
                                 "removed agent image oci:b sha256:2", "changed user ecs 990 -> 992",
                                 "removed user old 991", "added group ecs 992"});
  to = from;
  to.base.ref = "fedora/rawhide";
  CHECK(words(from, to) ==
        Lines{"changed base fedora/stable 42.1 (aaaaaaaaaaaa) -> fedora/rawhide 42.1 (aaaaaaaaaaaa)"});
}

}  // namespace
}  // namespace compose::lock
