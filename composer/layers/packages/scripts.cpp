#include "layers/packages/scripts.hpp"

#include <algorithm>
#include <array>

#include <fnmatch.h>

#include <fmt/format.h>

#include "layers/packages/sandboxed_tree.hpp"
#include "support/error.hpp"

namespace compose::layers {
namespace {

using Kind = sandbox::Change::Kind;

// fnmatch(3), where '*' goes beyond '/'.
constexpr std::array changeable{
    // useradd, groupadd, usermod
    "/usr/etc/passwd*",
    "/usr/etc/group*",
    "/usr/etc/shadow*",
    "/usr/etc/gshadow*",
    "/usr/etc/subuid*",
    "/usr/etc/subgid*",
    "/usr/etc/.pwd.lock",
    "/usr/etc/shells",
    // systemctl enable and preset
    "/usr/etc/systemd/system/*",
    "/usr/etc/systemd/user/*",
    // alternatives
    "/usr/etc/alternatives/*",
    "/usr/lib/alternatives/*",
    // ldconfig, and indexes over what is installed
    "/usr/etc/ld.so.cache",
    "/usr/share/mime/*",
    "/usr/share/applications/mimeinfo.cache",
    "/usr/share/icons/*/icon-theme.cache",
    "/usr/share/icons/*/.icon-theme.cache",
    "/usr/share/glib-2.0/schemas/gschemas.compiled",
    "/usr/lib*/gio/modules/giomodule.cache",
    "/usr/lib*/gdk-pixbuf-2.0/*/loaders.cache",
    "/usr/lib*/gtk-*/immodules.cache",
    "/usr/lib/fontconfig/cache/*",
    "/usr/share/fonts/*.uuid",
    "/usr/share/info/dir",
    "/usr/lib/locale/locale-archive*",
    "/usr/lib/udev/hwdb.bin",
    "/usr/etc/udev/hwdb.bin",
    "/usr/lib/systemd/catalog/database",
    "/usr/lib/modules/*/modules.*",
    "/usr/etc/pki/ca-trust/extracted/*",
    "/usr/etc/ssl/certs/*",
    "/usr/etc/xml/catalog",
    "/usr/etc/sgml/*",
    "/usr/lib*/vlc/plugins/plugins.dat",
    // semodule
    "/usr/etc/selinux/*",
    "/usr/share/selinux/*",
};

std::string hint_for(const std::string& script) {
  return fmt::format("if the tree does without it: [packages] ignore-scripts = [\"{}\"]", script);
}

class Runner {
 public:
  Runner(SandboxedTree& sandboxed, const ScriptsInput& input, Events& events)
      : sandboxed_(sandboxed), input_(input), events_(events) {}

  void run() {
    for (const auto* group : {&input_.plan.before, &input_.plan.after, &input_.plan.end}) {
      for (const auto& script : *group) run(script);
    }
  }

  // Names all that was wrong.
  void require_allowed() const {
    if (wrong_.empty()) return;
    std::string list;
    for (const auto& line : wrong_) list += "\n  " + line;
    throw Error(ErrorKind::input, "scripts changed what they may not:" + list, hint_for(first_wrong_));
  }

 private:
  void run(const rpm::PlannedScript& script) {
    events_.progress("scripts", ++done_, input_.plan.before.size() + input_.plan.after.size() + input_.plan.end.size(),
                     "scripts");
    sandbox::Command command;
    command.name = script.name;
    command.arguments = script.interpreter;
    if (!script.text.empty()) command.script = script.text;
    command.script_arguments = script.arguments;
    command.input = script.input;
    const sandbox::Outcome outcome = sandboxed_.run(command, input_.time);
    if (outcome.exit_code != 0 || !outcome.stopped.empty())
      throw Error(ErrorKind::input, "the script " + describe_failure(script.name, outcome), hint_for(script.name));
    // A script may have failed at something and go on: /var, where nothing is kept, is read-only.
    if (const std::string words = last_words(outcome); !words.empty())
      events_.note(fmt::format("{} said: {}", script.name, words));
    look_at_changes(script.name);
  }

  // After each script: what is wrong for the first time is its work.
  void look_at_changes(const std::string& script) {
    for (const auto& change : sandboxed_.changes()) {
      const std::string why = what_is_wrong(change);
      if (why.empty() || !seen_.insert(change.path + why).second) continue;
      if (first_wrong_.empty()) first_wrong_ = script;
      wrong_.push_back(fmt::format("{} by {}: {}", change.path, script, why));
    }
  }

  bool is_alternatives_link(const sandbox::Change& change) const {
    return change.kind == Kind::symlink && change.symlink_target.find("etc/alternatives/") != std::string::npos;
  }

  std::string what_is_wrong(const sandbox::Change& change) const {
    if (change.kind == Kind::special) return "a pipe or a socket, which no commit can have";
    if (change.owner_changed)
      return fmt::format("given to {}:{} by its number, which the tree does not keep: packages say it with %attr",
                         change.uid, change.gid);
    if (!change.existed || input_.package_paths.contains(change.path) || scripts_may_change(change.path)) return {};
    if (is_alternatives_link(change)) return {};
    if (change.kind == Kind::removed) return "removed, but it is the base's";
    return "changed, but it is the base's";
  }

  SandboxedTree& sandboxed_;
  const ScriptsInput& input_;
  Events& events_;
  std::uint64_t done_ = 0;
  std::set<std::string> seen_;
  std::vector<std::string> wrong_;
  std::string first_wrong_;
};

}  // namespace

bool scripts_may_change(const std::string& path) {
  return std::any_of(changeable.begin(), changeable.end(),
                     [&](const char* pattern) { return ::fnmatch(pattern, path.c_str(), 0) == 0; });
}

void run_scripts(ostree::Repository& repository, ostree::Tree& tree, const ScriptsInput& input, const fs::path& scratch,
                 Events& events) {
  if (input.plan.empty()) return;
  SandboxedTree sandboxed(repository, input.commit, scratch, input.limits, input.can);
  Runner runner(sandboxed, input, events);
  runner.run();
  runner.require_allowed();
  for (const auto& change : sandboxed.changes()) apply(change, tree);
}

}  // namespace compose::layers
