#include "ostree/labels.hpp"

#include <catch2/catch.hpp>

#include "support/scratch_repository.hpp"

namespace compose::ostree {
namespace {

using namespace compose::tests;

void put_policy(Tree& tree) {
  const std::string policy = "/usr/etc/selinux/test/";
  tree.put_file("/usr/etc/selinux/config", file_meta(), "SELINUX=disabled\nSELINUXTYPE=test\n");
  tree.put_file(policy + "policy/policy.33", file_meta(), "compiled");
  tree.put_file(policy + "contexts/files/file_contexts", file_meta(),
                "/.*\tsystem_u:object_r:default_t:s0\n/etc(/.*)?\tsystem_u:object_r:etc_t:s0\n");
  tree.put_file(policy + "active/modules/100/base/cil", file_meta(), "source of a module");
}

TEST_CASE("labels come from the commit's own policy, even one that its host leaves off") {
  ScratchRepository scratch;
  Labels labels;
  const auto label = labels.load(scratch.get(), scratch.commit(put_policy), scratch.folder());
  REQUIRE(label);
  CHECK(label("/etc/hosts", S_IFREG | 0644U) == "system_u:object_r:etc_t:s0");
  CHECK(label("/usr/bin/true", S_IFREG | 0755U) == "system_u:object_r:default_t:s0");
  CHECK_FALSE(labels.load(scratch.get(),
                          scratch.commit([](Tree& tree) { tree.put_directory("/usr", directory_meta()); }),
                          scratch.folder()));
}

TEST_CASE("the sources of a policy's modules are not read to load it") {
  ScratchRepository scratch;
  const std::string commit = scratch.commit(put_policy);
  const std::string checksum =
      Tree(scratch.get(), commit).lookup("/usr/etc/selinux/test/active/modules/100/base/cil")->checksum;
  fs::remove(scratch.get().path() / "objects" / checksum.substr(0, 2) / (checksum.substr(2) + ".file"));
  CHECK(Labels().load(scratch.get(), commit, scratch.folder()));
}

}  // namespace
}  // namespace compose::ostree
