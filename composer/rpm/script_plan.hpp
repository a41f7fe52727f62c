#pragma once
// Which scripts of packages run when a tree is composed, and in which order: rpm-ostree's rules
// (rpmostree-scripts.cxx). Pure. %pretrans, %preun, %postun, %verifyscript and the triggers of removal never run. Of
// well-known packages some do not either; why is said in `skipped`. Other than with rpm-ostree %filetriggerin runs, for
// each package after its %post, and triggers run by their priorities, as with rpm. A trigger hears of the paths that
// the packages bring, as packaged.

#include <set>
#include <string>
#include <vector>

#include "rpm/database.hpp"
#include "rpm/package.hpp"

namespace compose::rpm {

struct PlannedScript {
  std::string name;  // "ecs-init.post", "glibc.transfiletriggerin": what messages and [packages] say
  std::vector<std::string> interpreter;
  std::string text;
  std::vector<std::string> arguments;  // "1" for an install, "2" for an update
  std::string input;                   // stdin: the files that set a trigger off, a line each
};

// The scripts in three groups, each in order: all before anything of the packages' own scripts of the next runs.
struct ScriptPlan {
  std::vector<PlannedScript> before;  // %pre of each package: users are made here
  std::vector<PlannedScript> after;   // %post of each package
  std::vector<PlannedScript> end;     // %posttrans of each, then file triggers by priority
  std::vector<std::string> skipped;   // "filesystem.posttrans: …why", for the log
  bool empty() const { return before.empty() && after.empty() && end.empty(); }
};

// `packages` in install order; `updates` names those that replace a version of the base. `ignored` are those that the
// recipe says not to run ("name.post", "name.*"). Throws Error(input) for a script that can be neither run nor skipped
// (lua, %triggerin), with the line for the recipe that lets it go.
ScriptPlan plan_scripts(const std::vector<PackageInfo>& packages, const std::set<std::string>& updates,
                        const std::vector<InstalledTrigger>& base_triggers, const std::set<std::string>& ignored);

}  // namespace compose::rpm
