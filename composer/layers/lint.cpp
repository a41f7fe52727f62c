#include "layers/lint.hpp"

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>

#include "agent/systemd.hpp"
#include "layers/known_users.hpp"
#include "layers/tree_reader.hpp"
#include "support/error.hpp"

namespace compose::layers {
namespace {

using agent::Finding;
using Findings = std::vector<Finding>;
using Tree = ostree::Tree;

std::vector<std::string> kernels(const Tree& tree) {
  std::vector<std::string> found;
  for (const auto& [release, kind] : tree.list("/usr/lib/modules")) {
    if (tree.lookup("/usr/lib/modules/" + release + "/vmlinuz")) found.push_back(release);
  }
  return found;
}

void check_layout(const Tree& tree, Findings& findings) {
  if (tree.lookup("/etc") && tree.lookup("/usr/etc")) {
    findings.push_back({"etc-and-usr-etc", "/etc",
                        "a deployment's /etc is made from /usr/etc, and OSTree refuses a tree with both",
                        "move the files to /usr/etc (an overlay's etc/ goes there by itself)"});
  }
  for (const auto& [name, kind] : tree.list("/var")) {
    findings.push_back({"var-not-empty", "/var/" + name,
                        "/var belongs to the host: content of the commit's never reaches a host that exists",
                        "ship content below /usr and create it with a tmpfiles.d line"});
  }
  for (const auto& [name, kind] : tree.list("/boot")) {
    findings.push_back({"boot-not-empty", "/boot/" + name,
                        "/boot is written at deployment, from /usr/lib/modules/VERSION",
                        "put the kernel at /usr/lib/modules/VERSION/vmlinuz"});
  }
}

void check_kernel(const Tree& tree, Findings& findings) {
  const auto found = kernels(tree);
  if (found.size() != 1) {
    findings.push_back({"one-kernel", "/usr/lib/modules",
                        found.empty() ? "there is no VERSION/vmlinuz: nothing to boot"
                                      : fmt::format("more than one kernel ({}): OSTree cannot choose",
                                                    boost::algorithm::join(found, ", ")),
                        "the tree must have exactly one kernel"});
    return;
  }
  if (!tree.lookup("/usr/lib/modules/" + found.front() + "/initramfs.img")) {
    findings.push_back({"no-initramfs", "/usr/lib/modules/" + found.front(),
                        "there is no initramfs.img: the deployment's root is never mounted",
                        "build it with dracut's ostree module"});
  }
}

void check_tmpfiles_line(const std::string& path, const agent::TmpfilesLine& line, const Users& users,
                         Findings& findings) {
  const auto check = [&](const std::string& name, const auto& ids, const char* what) {
    const bool number = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
    if (name.empty() || number || name.starts_with("%") || ids.count(name) > 0) return;
    findings.push_back({"tmpfiles-unknown-owner", path,
                        fmt::format("'{}' names the {} '{}', which the tree does not know: '{}' is not created",
                                    line.path, what, name, line.path),
                        "add it with sysusers.d, or use root"});
  };
  const auto plain = [](const std::string& name) { return name.starts_with(":") ? name.substr(1) : name; };
  check(plain(line.user), users.users, "user");
  check(plain(line.group), users.groups, "group");
}

void check_tmpfiles(const Tree& tree, const Users& users, Findings& findings) {
  const std::string folder = "/usr/lib/tmpfiles.d";
  for (const auto& [name, kind] : tree.list(folder)) {
    if (kind != ostree::NodeKind::file || !name.ends_with(".conf")) continue;
    for (const auto& line : agent::tmpfiles_lines(tree.read(folder + "/" + name)))
      check_tmpfiles_line(folder + "/" + name, line, users, findings);
  }
}

bool is_unit(const std::string& name) {
  for (const char* suffix : {".service", ".socket", ".timer", ".path", ".mount", ".automount", ".target"}) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}

// A rule that names the unit itself says what its author wants; a catch-all ("disable *") says only that nobody thought
// of it.
bool named_by_preset(const std::vector<agent::PresetRule>& rules, const std::string& unit) {
  const auto rule = agent::preset_of(rules, unit);
  return rule && rule->pattern != "*";
}

// systemd runs preset-all on the first boot of a machine without an id: a unit that was merely linked is off then.
void check_presets(ostree::Repository& repository, const Tree& tree, const std::string& foundation,
                   const std::string& commit, Findings& findings) {
  const OstreeReader reader(tree);
  const auto rules = agent::preset_rules(agent::HostTree(reader));
  ostree::for_each_added(repository, foundation, commit, [&](const std::string& path, const ostree::Node& node) {
    if (!path.starts_with(agent::kUnitFolder) || node.kind != ostree::NodeKind::file) return;
    const std::string name = path.substr(agent::kUnitFolder.size());
    if (name.find('/') != std::string::npos || !is_unit(name) || !agent::can_be_enabled(tree.read(path))) return;
    if (named_by_preset(rules, name)) return;
    findings.push_back(
        {"unit-without-preset", path,
         "no preset names this unit: whether it starts on a new host is left to the distribution's default",
         fmt::format("add /usr/lib/systemd/system-preset/40-NAME.preset with 'enable {0}' (or 'disable {0}')", name)});
  });
}

}  // namespace

std::vector<Finding> lint(ostree::Repository& repository, const std::string& foundation, const std::string& commit) {
  const Tree tree(repository, commit);
  const Users users = read_users(tree);
  Findings findings;
  check_layout(tree, findings);
  check_kernel(tree, findings);
  check_tmpfiles(tree, users, findings);
  check_presets(repository, tree, foundation, commit, findings);
  return findings;
}

std::string kernel_version(const ostree::Tree& tree) {
  const auto found = kernels(tree);
  if (found.size() == 1) return found.front();
  throw Error(ErrorKind::input,
              fmt::format("the tree has {} kernels in /usr/lib/modules, expected exactly one", found.size()));
}

}  // namespace compose::layers
