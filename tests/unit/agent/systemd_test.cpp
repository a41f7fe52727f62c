#include "agent/systemd.hpp"

#include <catch2/catch.hpp>

#include "support/memory_tree.hpp"

namespace compose::agent {
namespace {

using tests::MemoryTree;

// What the presets of `tree` say about a unit.
std::string preset(const MemoryTree& tree, const std::string& unit) {
  const auto rule = preset_of(preset_rules(HostTree(tree)), unit);
  return rule ? (rule->enable ? "enabled by " : "disabled by ") + rule->file : "no rule";
}

}  // namespace

TEST_CASE("the first rule that matches a unit decides, files by name, those of /etc in the place of their namesakes") {
  const std::string vendor = "/usr/lib/systemd/system-preset/";
  MemoryTree tree;
  tree.file(vendor + "50-a.preset", "# enable c.service\nenable a*.service\n  disable b.service\n");
  tree.file(vendor + "10-hidden.preset", "disable a.service\n");
  tree.file("/usr/etc/systemd/system-preset/10-hidden.preset", "disable c.socket\n");
  tree.file(vendor + "20-other.conf", "disable a.service\n");
  CHECK(preset(tree, "a1.service") == "enabled by " + vendor + "50-a.preset");
  CHECK(preset(tree, "b.service") == "disabled by " + vendor + "50-a.preset");
  CHECK(preset(tree, "a.service") == "enabled by " + vendor + "50-a.preset");
  CHECK(preset(tree, "c.socket") == "disabled by /etc/systemd/system-preset/10-hidden.preset");
  CHECK(preset(tree, "c.service") == "no rule");
}

TEST_CASE("a unit is found in /etc before /usr/lib, an instance by its template, an empty or /dev/null one is masked") {
  MemoryTree tree;
  tree.unit("both.service", "vendor");
  tree.file("/usr/etc/systemd/system/both.service", "site");
  tree.unit("a@.service", "template");
  tree.unit("alias.service", "");
  tree.link("/usr/lib/systemd/system/link.service", "both.service");
  tree.link("/usr/lib/systemd/system/nowhere.service", "gone.service");
  tree.link("/usr/etc/systemd/system/masked.service", "/dev/null");
  const HostTree host(tree);
  CHECK(find_unit(host, "both.service")->text == "site");
  CHECK(find_unit(host, "a@b.service")->text == "template");
  CHECK(find_unit(host, "link.service")->text == "vendor");
  CHECK(find_unit(host, "alias.service")->masked);
  CHECK(find_unit(host, "masked.service")->masked);
  for (const char* name : {"nowhere.service", "none.service", "b@c.service", "a@.socket"})
    CHECK_FALSE(find_unit(host, name));
}

TEST_CASE("of the sysctl.d files the last by name counts, and patterns do not count more than a name") {
  MemoryTree tree;
  tree.file("/usr/lib/sysctl.d/50-a.conf", "; note\n-net.ipv4.ip_forward = 0\nnet/ipv4/tcp_x=1 2\nno assignment\n");
  tree.file("/usr/lib/sysctl.d/60-b.conf", "net.ipv4.* = 7\nnet.ipv4.ip_forward=1\n");
  const auto values = sysctl_values(HostTree(tree));
  CHECK(values.size() == 2);
  CHECK(values.at("net.ipv4.ip_forward").value == "1");
  CHECK(values.at("net.ipv4.ip_forward").file == "/usr/lib/sysctl.d/60-b.conf");
  CHECK(values.at("net.ipv4.tcp_x").value == "1 2");
}

TEST_CASE("a tmpfiles.d line's fields are read, a dash being none") {
  const auto lines = tmpfiles_lines("\n# d /a\nL+! /b/ - - user - /target\nd /c 0755\nq\n");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].type == 'L');
  CHECK(lines[0].path == "/b");
  CHECK(lines[0].user.empty());
  CHECK(lines[0].group == "user");
  CHECK(lines[1].argument.empty());
  CHECK_FALSE(lines[1].makes_nothing());
}

TEST_CASE("values of a unit's key are all of them, in order") {
  const std::string unit = "[Socket]\nListenStream = 1\nListenStreamX=2\nListenStream=3\n [Install] \n";
  CHECK(values_of(unit, "ListenStream") == std::vector<std::string>{"1", "3"});
  CHECK(can_be_enabled(unit));
  CHECK_FALSE(can_be_enabled("# [Install]\n"));
}

}  // namespace compose::agent
