#include "rpm/script_plan.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::rpm {
namespace {

struct WellKnown {
  const char* script;
  const char* why;
};

// Scripts that do no good to a tree: rpm-ostree's list (rust/src/scripts.rs, rpmostree-script-gperf.gperf).
constexpr std::array well_known{
    WellKnown{"bash.post", "enters bash in /etc/shells, where setup has it already"},
    WellKnown{"ca-certificates.pre", "converts what older versions left"},
    WellKnown{"coreutils.pre", "works around an old package"},
    WellKnown{"fedora-release.posttrans", "converts what older versions left"},
    WellKnown{"filesystem.posttrans", "repairs the layout of old systems"},
    WellKnown{"gdb.pre", "converts what older versions left"},
    WellKnown{"glibc.pre", "checks the kernel of a running system"},
    WellKnown{"glibc-headers.pre", "converts what older versions left"},
    WellKnown{"libgcc.post", "runs ldconfig, which is done for all packages at once"},
    WellKnown{"man-db.transfiletriggerin", "its index lives in /var and is made on the host"},
    WellKnown{"microcode_ctl.post", "prepares the running kernel"},
    WellKnown{"microcode_ctl.posttrans", "makes an initramfs, which is done for all packages at once"},
    WellKnown{"nfs-utils.post", "writes below /var"},
    WellKnown{"pinentry.pre", "converts what older versions left"},
    WellKnown{"setup.post", "converts what older versions left"},
    WellKnown{"systemd.transfiletriggerin", "reloads the running system's units"},
    WellKnown{"vagrant.pre", "makes a group that is another package's"},
    WellKnown{"vagrant-libvirt.pre", "makes a group that is another package's"},
};

// kernel, kernel-core, kernel-modules, kernel-rt-core …: depmod, dracut and the boot folder are our work.
bool is_kernel_script(const std::string& package, const std::string& kind) {
  return (package == "kernel" || package.starts_with("kernel-")) && kind == "posttrans";
}

const char* name_of(ScriptKind kind) {
  switch (kind) {
    case ScriptKind::pre:
      return "pre";
    case ScriptKind::post:
      return "post";
    case ScriptKind::preun:
      return "preun";
    case ScriptKind::postun:
      return "postun";
    case ScriptKind::pretrans:
      return "pretrans";
    case ScriptKind::posttrans:
      return "posttrans";
    case ScriptKind::verify:
      return "verify";
  }
  return "";
}

std::string name_of(const Trigger& trigger) {
  switch (trigger.kind) {
    case Trigger::Kind::file:
      return "filetrigger" + trigger.moment;
    case Trigger::Kind::transaction_file:
      return "transfiletrigger" + trigger.moment;
    case Trigger::Kind::package:
      break;
  }
  return "trigger" + trigger.moment;
}

bool is_lua(const std::vector<std::string>& interpreter) { return !interpreter.empty() && interpreter[0] == "<lua>"; }

// What packages say in the first ten lines of a script that rpm-ostree should pass over.
bool asks_to_be_skipped(const std::string& text) {
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; count < 10 && std::getline(lines, line); ++count) {
    if (line.starts_with("-- rpm-ostree-skip") || line.starts_with("# rpm-ostree-skip")) return true;
  }
  return false;
}

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::input, fmt::format("the script {} {}", name, why),
              fmt::format("if the tree does without it: [packages] ignore-scripts = [\"{}\"]", name));
}

class Planner {
 public:
  Planner(const std::vector<PackageInfo>& packages, const std::set<std::string>& updates,
          const std::vector<InstalledTrigger>& base_triggers, const std::set<std::string>& ignored)
      : packages_(packages), updates_(updates), base_triggers_(base_triggers), ignored_(ignored) {}

  ScriptPlan make() {
    collect_triggers();
    for (const auto& package : packages_) {
      for (const auto& script : package.scripts) add(package, script);
      add_file_triggers(package);
    }
    add_transaction_triggers();
    return std::move(plan_);
  }

 private:
  struct Known {
    std::string package;
    Trigger trigger;
  };

  // Why the script does not run, or "".
  std::string reason_to_skip(const std::string& package, const std::string& kind, const std::string& text) const {
    const std::string name = package + "." + kind;
    if (ignored_.contains(name) || ignored_.contains(package + ".*")) return "the recipe says so";
    if (is_kernel_script(package, kind)) return "depmod, dracut and the boot folder are made for all packages at once";
    for (const auto& entry : well_known) {
      if (name == entry.script) return entry.why;
    }
    return asks_to_be_skipped(text) ? "the package says so to rpm-ostree" : "";
  }

  // False when it does not run. `source` is a Script or a Trigger.
  template <typename Source>
  bool may_run(const std::string& package, const std::string& kind, const Source& source) {
    const std::string name = package + "." + kind;
    const std::string reason = reason_to_skip(package, kind, source.text);
    if (!reason.empty()) {
      plan_.skipped.push_back(fmt::format("{}: {}", name, reason));
      return false;
    }
    if (is_lua(source.interpreter)) refuse(name, "is written in Lua, which only rpm itself can run");
    if (!source.unusable.empty()) refuse(name, "cannot be run: " + source.unusable);
    return true;
  }

  static PlannedScript planned(const std::string& name, const std::vector<std::string>& interpreter,
                               const std::string& text) {
    return {name, interpreter.empty() ? std::vector<std::string>{"/bin/sh"} : interpreter, text, {}, {}};
  }

  std::vector<PlannedScript>* group_of(ScriptKind kind) {
    if (kind == ScriptKind::pre) return &plan_.before;
    if (kind == ScriptKind::post) return &plan_.after;
    return kind == ScriptKind::posttrans ? &end_ : nullptr;
  }

  void add(const PackageInfo& package, const Script& script) {
    const std::string kind = name_of(script.kind);
    std::vector<PlannedScript>* group = group_of(script.kind);
    if (group == nullptr) {
      plan_.skipped.push_back(fmt::format("{}.{}: never runs when a tree is composed", package.nevra.name, kind));
      return;
    }
    if (!may_run(package.nevra.name, kind, script)) return;
    PlannedScript entry = planned(package.nevra.name + "." + kind, script.interpreter, script.text);
    // A program without a text ("%post -p /sbin/ldconfig") gets no arguments.
    if (!script.text.empty()) entry.arguments = {updates_.contains(package.nevra.name) ? "2" : "1"};
    group->push_back(std::move(entry));
  }

  void collect_triggers() {
    for (const auto& installed : base_triggers_) keep_trigger(installed.package.name, installed.trigger);
    for (const auto& package : packages_) {
      for (const auto& trigger : package.triggers) keep_trigger(package.nevra.name, trigger);
    }
    // By priority; of the same one the base's first, which were there before.
    std::stable_sort(triggers_.begin(), triggers_.end(),
                     [](const auto& a, const auto& b) { return a.trigger.priority > b.trigger.priority; });
  }

  void keep_trigger(const std::string& package, const Trigger& trigger) {
    const std::string kind = name_of(trigger);
    if (trigger.moment != "in" && trigger.moment != "prein") {
      plan_.skipped.push_back(fmt::format("{}.{}: never runs when a tree is composed", package, kind));
    } else if (trigger.kind != Trigger::Kind::package) {
      triggers_.push_back({package, trigger});
    } else if (may_run(package, kind, trigger)) {
      refuse(package + "." + kind, "waits for another package, which is not supported");
    }
  }

  static std::string matching(const Trigger& trigger, const std::set<std::string>& paths) {
    std::string lines;
    for (const auto& path : paths) {
      const bool matches = std::any_of(trigger.names.begin(), trigger.names.end(),
                                       [&](const auto& prefix) { return path.starts_with(prefix); });
      if (matches) lines += path + "\n";
    }
    return lines;
  }

  static void add_paths(const PackageInfo& package, std::set<std::string>& paths) {
    for (const auto& file : package.files) {
      if (!file.ghost) paths.insert(file.path);
    }
  }

  void add_triggers(Trigger::Kind kind, const std::set<std::string>& paths, std::vector<PlannedScript>& group) {
    for (const auto& [package, trigger] : triggers_) {
      if (trigger.kind != kind) continue;
      std::string input = matching(trigger, paths);
      if (input.empty() || !may_run(package, name_of(trigger), trigger)) continue;
      group.push_back(planned(package + "." + name_of(trigger), trigger.interpreter, trigger.text));
      group.back().input = std::move(input);
    }
  }

  // For each package after its %post. rpm-ostree leaves these out; nothing else would do their work.
  void add_file_triggers(const PackageInfo& package) {
    std::set<std::string> paths;
    add_paths(package, paths);
    add_triggers(Trigger::Kind::file, paths, plan_.after);
  }

  void add_transaction_triggers() {
    std::set<std::string> paths;
    for (const auto& package : packages_) add_paths(package, paths);
    plan_.end = std::move(end_);
    add_triggers(Trigger::Kind::transaction_file, paths, plan_.end);
  }

  const std::vector<PackageInfo>& packages_;
  const std::set<std::string>& updates_;
  const std::vector<InstalledTrigger>& base_triggers_;
  const std::set<std::string>& ignored_;
  std::vector<Known> triggers_;
  std::vector<PlannedScript> end_;
  ScriptPlan plan_;
};

}  // namespace

ScriptPlan plan_scripts(const std::vector<PackageInfo>& packages, const std::set<std::string>& updates,
                        const std::vector<InstalledTrigger>& base_triggers, const std::set<std::string>& ignored) {
  return Planner(packages, updates, base_triggers, ignored).make();
}

}  // namespace compose::rpm
