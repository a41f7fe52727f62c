#include "agent/host_tree.hpp"

#include <catch2/catch.hpp>

#include "support/memory_tree.hpp"

namespace compose::agent {
namespace {

using tests::MemoryTree;

std::string leads_to(const MemoryTree& tree, const std::string& path) {
  const Place place = HostTree(tree).resolve(path);
  return place.circular ? "a circle" : place.path;
}

}  // namespace

TEST_CASE("a path leads where its links lead on the host, /etc being /usr/etc of the tree") {
  MemoryTree tree;
  tree.link("/lib", "usr/lib");
  tree.link("/usr/lib/a", "/etc/a");
  tree.link("/usr/etc/a", "../usr/./share//a");
  tree.file("/usr/share/a", "text");
  CHECK(leads_to(tree, "/lib/a") == "/usr/share/a");
  CHECK(HostTree(tree).text("/lib/a") == "text");
  CHECK(leads_to(tree, "/lib/../../etc/a") == "/usr/share/a");
  CHECK(leads_to(tree, "/") == "/");
  CHECK(leads_to(tree, "/lib/none/b") == "/usr/lib/none/b");
  CHECK(HostTree(tree).text("/lib/none/b").empty());
}

TEST_CASE("links that lead in a circle come to an end") {
  MemoryTree tree;
  tree.link("/a", "b");
  tree.link("/b", "/a/c");
  tree.link("/self", "self");
  CHECK(leads_to(tree, "/a") == "a circle");
  CHECK(leads_to(tree, "/self/x") == "a circle");
}

TEST_CASE("what tmpfiles.d makes is there, with its parents, and its links are followed") {
  MemoryTree tree;
  tree.file("/usr/lib/tmpfiles.d/a.conf",
            "# d /var/no 0755\nd /var/lib/a/b 0755 root root -\nL+ /var/run - - - - ../run\nr! /var/removed\n"
            "z /var/changed 0644\nd /run/made/\n");
  tree.file("/usr/lib/tmpfiles.d/hidden.conf", "d /var/hidden\n");
  tree.file("/usr/etc/tmpfiles.d/hidden.conf", "d /var/instead\n");
  const HostTree host(tree);
  const auto is_there = [&](const std::string& path) { return host.is_there(host.resolve(path)); };
  for (const char* path : {"/var/lib/a/b", "/var/lib/a", "/var/run/made", "/var/instead", "/proc/x", "/var", "/run"}) {
    CAPTURE(path);
    CHECK(is_there(path));
  }
  for (const char* path : {"/var/no", "/var/removed", "/var/changed", "/var/lib/a/b/c", "/var/hidden"}) {
    CAPTURE(path);
    CHECK_FALSE(is_there(path));
  }
}

TEST_CASE("what a running host can write is not the read-only root") {
  for (const char* path : {"/usr", "/usr/lib", "/", "/opt", "/variable", "/sysroot"})
    CHECK(HostTree::is_read_only(path));
  for (const char* path : {"/etc", "/etc/x", "/var/x", "/run/x", "/tmp/x"}) CHECK_FALSE(HostTree::is_read_only(path));
}

}  // namespace compose::agent
