#include "ostree/tree.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/process.hpp"
#include "support/scratch_repository.hpp"

namespace compose::ostree {
namespace {

using tests::directory_meta;
using tests::file_meta;
using tests::ScratchRepository;

TEST_CASE("what is put into a tree is read back with owner, mode and xattrs") {
  ScratchRepository scratch;
  const std::string commit = scratch.commit([](Tree& tree) {
    tree.put_file("/usr/bin/su", file_meta(04755, 0, 7, {{"security.capability", std::string("\1\0\2", 3)}}), "binary");
    tree.put_symlink("/bin", "usr/bin");
    tree.put_directory("/usr/lib/x", directory_meta(01777, 3, 4));
  });
  const Tree tree(scratch.get(), commit);
  const auto su = tree.lookup("/usr/bin/su");
  REQUIRE(su);
  CHECK(su->kind == NodeKind::file);
  CHECK(su->meta.mode == (S_IFREG | 04755U));
  CHECK(su->meta.gid == 7);
  CHECK(su->size_bytes == 6);
  CHECK(su->meta.xattrs.at("security.capability") == std::string("\1\0\2", 3));
  CHECK(tree.read("/usr/bin/su") == "binary");
  CHECK(tree.lookup("/bin")->symlink_target == "usr/bin");
  CHECK(tree.lookup("/usr/lib/x")->meta.mode == (S_IFDIR | 01777U));
  CHECK(tree.lookup("/usr/lib/x")->meta.uid == 3);
  CHECK_FALSE(tree.lookup("/usr/nothing"));
  CHECK(tree.list("/usr").size() == 2);
}

TEST_CASE("the same tree gives the same commit in another repository, and ostree fsck accepts it") {
  const auto fill = [](Tree& tree) {
    tree.put_file("/usr/b", file_meta(), "b");
    tree.put_file("/usr/a", file_meta(), "a");
  };
  CommitMetadata metadata;
  metadata.timestamp = 1700000000;
  metadata.strings = {{"version", "1"}};
  metadata.booleans = {{"ostree.bootable", true}};
  metadata.ref_binding = "test/ref";
  ScratchRepository first;
  ScratchRepository second;
  const std::string commit = first.commit(fill, {}, metadata);
  CHECK(second.commit(fill, {}, metadata) == commit);
  CHECK(commit_string(first.get(), commit, "version") == "1");
  CHECK_FALSE(commit_string(first.get(), commit, "absent"));
  CHECK(commit_timestamp(first.get(), commit) == 1700000000);
  first.get().set_ref("test/ref", commit);
  CHECK(run({"ostree", "fsck", "--repo=" + first.get().path().string()}).exit_code == 0);
}

TEST_CASE("what is removed is gone, a directory with all that is in it, and what was not there is no error") {
  ScratchRepository scratch;
  const std::string before = scratch.commit([](Tree& tree) {
    tree.put_file("/usr/lib/kept", file_meta(), "k");
    tree.put_file("/usr/lib/gone", file_meta(), "g");
    tree.put_file("/usr/share/x/y/z", file_meta(), "z");
  });
  const std::string after = scratch.commit(
      [](Tree& tree) {
        tree.remove("/usr/lib/gone");
        tree.remove("/usr/share/x");
        tree.remove("/usr/lib/never");
        tree.remove("/nowhere/at/all");
        CHECK_THROWS_WITH(tree.remove("/"), Catch::Contains("root of the tree"));
      },
      before);
  const Tree tree(scratch.get(), after);
  CHECK(tree.list("/usr/lib") == std::map<std::string, NodeKind>{{"kept", NodeKind::file}});
  CHECK(tree.lookup("/usr/share"));
  CHECK_FALSE(tree.lookup("/usr/share/x"));
}

TEST_CASE("a checkout has the commit's files as links to its objects") {
  ScratchRepository scratch;
  const std::string commit = scratch.commit([](Tree& tree) {
    tree.put_file("/usr/bin/tool", file_meta(04755, 3, 4), "tool");
    tree.put_symlink("/bin", "usr/bin");
  });
  const fs::path folder = scratch.folder() / "out";
  check_out(scratch.get(), commit, folder);
  CHECK(read_file(folder / "bin/tool") == "tool");
  CHECK(fs::hard_link_count(folder / "usr/bin/tool") == 2);
  CHECK((fs::status(folder / "usr/bin/tool").permissions() & 0777) == 0755);
}

TEST_CASE("a commit's list of packages is kept, and is absent when there is none") {
  ScratchRepository scratch;
  CommitMetadata metadata;
  metadata.packages = {{"agent", "0", "1.0", "1", "x86_64"}, {"shadow", "2", "4.17", "3", "noarch"}};
  const auto fill = [](Tree& tree) { tree.put_file("/usr/a", file_meta(), "a"); };
  CHECK(commit_packages(scratch.get(), scratch.commit(fill, {}, metadata)) == metadata.packages);
  CHECK(commit_packages(scratch.get(), scratch.commit(fill)).empty());
}

TEST_CASE("a path through a symbolic link is refused, and the error says where the link leads") {
  ScratchRepository scratch;
  const std::string commit = scratch.commit(tests::fill_minimal_os);
  scratch.commit(
      [](Tree& tree) {
        CHECK_THROWS_WITH(tree.put_file("/bin/x", file_meta(), ""),
                          Catch::Contains("'/bin' is a symbolic link to 'usr/bin'"));
        CHECK_THROWS_WITH(tree.put_file("/usr/etc/passwd/x", file_meta(), ""),
                          Catch::Contains("'/usr/etc/passwd' is a file"));
        CHECK_THROWS_WITH(tree.put_file("/usr", file_meta(), ""), Catch::Contains("it is a directory"));
        CHECK_THROWS_WITH(tree.put_file("/usr/../../x", file_meta(), ""),
                          Catch::Contains("not a path within the tree"));
      },
      commit);
}

TEST_CASE("only what differs between two commits is visited") {
  ScratchRepository scratch;
  const std::string before = scratch.commit(tests::fill_minimal_os);
  const std::string after = scratch.commit(
      [](Tree& tree) {
        tree.put_file("/usr/lib/new/file", file_meta(), "new");
        tree.put_file("/usr/etc/group", file_meta(), "root:x:0:\n");
      },
      before);
  std::vector<std::string> visited;
  for_each_added(scratch.get(), before, after, [&](const std::string& path, const Node&) { visited.push_back(path); });
  CHECK(visited == std::vector<std::string>{"/usr/etc/group", "/usr/lib/new", "/usr/lib/new/file"});
}

TEST_CASE("what was removed and replaced between two commits is visited too") {
  ScratchRepository scratch;
  const std::string empty = scratch.commit([](Tree&) {});
  const std::string before = scratch.commit(
      [](Tree& tree) {
        tree.put_file("/a/gone", file_meta(), "12");
        tree.put_file("/a/same", file_meta(), "same");
        tree.put_file("/b/deep/x", file_meta(), "x");
        tree.put_file("/c", file_meta(), "file");
        tree.put_directory("/d", directory_meta(0755));
      },
      empty);
  const std::string after = scratch.commit(
      [](Tree& tree) {
        tree.remove("/a/gone");
        tree.put_file("/a/new", file_meta(), "123");
        tree.remove("/b");
        tree.remove("/c");
        tree.put_file("/c/file", file_meta(), "in a directory");
        tree.put_directory("/d", directory_meta(0700));
      },
      before);
  std::vector<std::string> visited;
  const auto note = [&](const std::string& path, const std::optional<Node>& from, const std::optional<Node>& to) {
    visited.push_back((from ? to ? "~" : "-" : "+") + path);
  };
  for_each_changed(scratch.get(), before, after, note);
  CHECK(visited == std::vector<std::string>{"-/c", "-/a/gone", "+/a/new", "-/b", "-/b/deep", "-/b/deep/x", "+/c",
                                            "+/c/file", "~/d"});
  visited.clear();
  for_each_changed(scratch.get(), "", before, note);
  CHECK(visited ==
        std::vector<std::string>{"+/c", "+/a", "+/a/gone", "+/a/same", "+/b", "+/b/deep", "+/b/deep/x", "+/d"});
  for_each_changed(scratch.get(), after, after, [](const auto&...) { FAIL("there is no difference"); });
}

TEST_CASE("set_meta changes metadata and keeps content") {
  ScratchRepository scratch;
  const std::string before = scratch.commit(tests::fill_minimal_os);
  const std::string after = scratch.commit(
      [](Tree& tree) {
        tree.set_meta("/usr/etc/passwd",
                      file_meta(0600, 0, 0, {{"security.selinux", std::string("system_u:object_r:etc_t:s0\0", 27)}}));
        tree.set_meta("/bin", {0, 0, S_IFLNK | 0777U, {{"security.selinux", "x"}}});
        tree.set_meta("/var", directory_meta(0700));
      },
      before);
  const Tree tree(scratch.get(), after);
  CHECK(tree.read("/usr/etc/passwd").starts_with("root:"));
  CHECK(tree.lookup("/usr/etc/passwd")->meta.mode == (S_IFREG | 0600U));
  CHECK(tree.lookup("/usr/etc/passwd")->meta.xattrs.size() == 1);
  CHECK(tree.lookup("/bin")->symlink_target == "usr/bin");
  CHECK(tree.lookup("/bin")->meta.xattrs.at("security.selinux") == "x");
  CHECK(tree.lookup("/var")->meta.mode == (S_IFDIR | 0700U));
}

TEST_CASE("a tree's labels are given to what is put, by its path on the running system") {
  ScratchRepository scratch;
  const std::string commit = scratch.commit([](Tree& tree) {
    tree.set_labels([](const std::string& path, std::uint32_t) { return "label:" + path; });
    tree.put_file("/usr/etc/ecs/ecs.config", file_meta(), "");
  });
  const Tree tree(scratch.get(), commit);
  CHECK(tree.lookup("/usr/etc/ecs/ecs.config")->meta.xattrs.at("security.selinux") ==
        std::string("label:/etc/ecs/ecs.config\0", 26));
  CHECK(tree.lookup("/usr/etc/ecs")->meta.xattrs.at("security.selinux") == std::string("label:/etc/ecs\0", 15));
}

TEST_CASE("a commit's signature is stored beside it and read back") {
  ScratchRepository scratch;
  const std::string commit = scratch.commit(tests::fill_minimal_os);
  CHECK(commit_signatures(scratch.get(), commit).empty());
  set_commit_signature(scratch.get(), commit, std::string(64, 's'));
  set_commit_signature(scratch.get(), commit, std::string(64, 't'));
  CHECK(commit_signatures(scratch.get(), commit) == std::vector<std::string>{std::string(64, 't')});
}

}  // namespace
}  // namespace compose::ostree
