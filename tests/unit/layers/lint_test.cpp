#include "layers/lint.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/scratch_repository.hpp"

namespace compose::layers {
namespace {

using ostree::Tree;
using tests::directory_meta;
using tests::file_meta;
using tests::ScratchRepository;

std::vector<std::string> findings_after(const std::function<void(Tree&)>& change) {
  ScratchRepository scratch;
  const std::string base = scratch.commit(tests::fill_minimal_os);
  const std::string commit = scratch.commit(change, base);
  std::vector<std::string> found;
  for (const auto& finding : lint(scratch.get(), base, commit)) {
    CHECK_FALSE(finding.problem.empty());
    CHECK_FALSE(finding.fix.empty());
    found.push_back(finding.id + " " + finding.path);
  }
  return found;
}

using Found = std::vector<std::string>;

TEST_CASE("a good tree has no findings") {
  CHECK(findings_after([](Tree&) {}).empty());
}

TEST_CASE("/etc beside /usr/etc is found") {
  CHECK(findings_after([](Tree& tree) { tree.put_file("/etc/x", file_meta(), ""); }) == Found{"etc-and-usr-etc /etc"});
}

TEST_CASE("content of /var and /boot is found") {
  CHECK(findings_after([](Tree& tree) {
          tree.put_file("/var/lib/x", file_meta(), "");
          tree.put_file("/boot/vmlinuz", file_meta(), "");
        }) == Found{"var-not-empty /var/lib", "boot-not-empty /boot/vmlinuz"});
}

TEST_CASE("a second kernel, or one without initramfs, is found") {
  CHECK(findings_after([](Tree& tree) { tree.put_file("/usr/lib/modules/6.9/vmlinuz", file_meta(), ""); }) ==
        Found{"one-kernel /usr/lib/modules"});
  ScratchRepository scratch;
  const std::string commit =
      scratch.commit([](Tree& tree) { tree.put_file("/usr/lib/modules/6.9/vmlinuz", file_meta(), ""); });
  const auto found = lint(scratch.get(), commit, commit);
  REQUIRE(found.size() == 1);
  CHECK(found[0].id == "no-initramfs");
  CHECK(kernel_version(Tree(scratch.get(), commit)) == "6.9");
}

TEST_CASE("a tmpfiles line with an unknown user or group is found, and numbers, known and sysusers' names are not") {
  CHECK(
      findings_after([](Tree& tree) {
        tree.put_file("/usr/lib/sysusers.d/a.conf", file_meta(), "u made - \"made at boot\"\ng group-made 77\n");
        tree.put_file(
            "/usr/lib/tmpfiles.d/a.conf", file_meta(),
            "# comment\nd /var/lib/a 0755 daemon adm - -\nd /var/lib/b 0755 0 4 -\nd /var/lib/c 0700 made group-made\n"
            "d /var/lib/d 0755 ghost root -\nd /var/lib/e 0755 root phantom -\nd /var/lib/f 0755 - -\n");
      }) ==
      Found{"tmpfiles-unknown-owner /usr/lib/tmpfiles.d/a.conf", "tmpfiles-unknown-owner /usr/lib/tmpfiles.d/a.conf"});
}

TEST_CASE("an added unit that no preset names is found") {
  const std::string unit = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";
  CHECK(findings_after([&](Tree& tree) {
          tree.put_file("/usr/lib/systemd/system/named.service", file_meta(), unit);
          tree.put_file("/usr/lib/systemd/system/off.service", file_meta(), unit);
          tree.put_file("/usr/lib/systemd/system/forgotten.service", file_meta(), unit);
          tree.put_file("/usr/lib/systemd/system/static.service", file_meta(), "[Service]\nExecStart=/bin/true\n");
          tree.put_file("/usr/lib/systemd/system-preset/40-x.preset", file_meta(),
                        "enable named.service\ndisable off.*\n");
          tree.put_file("/usr/lib/systemd/system-preset/99-default.preset", file_meta(), "disable *\n");
        }) == Found{"unit-without-preset /usr/lib/systemd/system/forgotten.service"});
}

}  // namespace
}  // namespace compose::layers
