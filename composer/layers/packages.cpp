#include "layers/packages.hpp"

#include <set>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "layers/packages/install.hpp"
#include "layers/packages/sources.hpp"
#include "layers/packages/tree_database.hpp"
#include "rpm/solve.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::layers {
namespace {

using Package = lock::Lock::Package;

std::vector<rpm::Wanted> to_wanted(const std::vector<recipe::Placed>& entries) {
  std::vector<rpm::Wanted> wanted;
  for (const auto& entry : entries) wanted.push_back({entry.text, entry.place});
  return wanted;
}

// All of the old lock's packages but those to be renewed. Throws Error(input) when one of these is not in it.
std::vector<rpm::Request::Pinned> pinned(const PackagesQuestion& question) {
  std::vector<rpm::Request::Pinned> pins;
  if (question.renew.empty()) return pins;
  const std::set<std::string> renew(question.renew.begin(), question.renew.end());
  std::set<std::string> missing = renew;
  for (const auto& package : question.previous.packages) {
    const std::string name = rpm::parse_nevra(package.nevra).name;
    missing.erase(name);
    if (!renew.contains(name)) pins.push_back({package.nevra, package.repo});
  }
  if (missing.empty()) return pins;
  throw Error(ErrorKind::input, fmt::format("the lock has no package '{}'", *missing.begin()),
              "without a package's name, --update renews all of them");
}

rpm::Request request_of(const PackagesQuestion& question) {
  rpm::Request request;
  request.install = to_wanted(question.wanted.install);
  for (auto& agent : to_wanted(question.agents)) request.install.push_back(std::move(agent));
  request.remove = to_wanted(question.wanted.remove);
  request.replace = to_wanted(question.wanted.replace);
  request.exclude = question.wanted.exclude;
  request.weak = question.wanted.weak;
  request.local = question.wanted.local;
  request.pinned = pinned(question);
  return request;
}

void need_database(const PackagesQuestion& question, const std::optional<fs::path>& rpmdb) {
  if (rpmdb || !question.wanted.assume_provides.empty()) return;
  throw Error(ErrorKind::input, "the base has no rpm database: nothing says what packages may rely on",
              "say in the recipe what it offers: [packages] assume-provides = [\"/bin/sh\", \"systemd\"]");
}

// A local file is locked by the name that the recipe has for it: the lock must not name a folder of one machine.
Package to_lock(const recipe::Packages& wanted, const rpm::SolvedPackage& solved) {
  Package package{rpm::to_text(solved.nevra), solved.repo, solved.location, solved.size_bytes, solved.sha256};
  for (std::size_t i = 0; solved.repo == local_repo && i < wanted.local.size(); ++i)
    if (wanted.local[i] == solved.location) package.location = wanted.local_as_written[i];
  return package;
}

PackagesAnswer solve(Context& context, const PackagesQuestion& question) {
  const ostree::Tree base(context.repository, question.base);
  const auto repos = repositories_for(question.wanted, base);
  const TemporaryDirectory scratch(context.scratch, "solve-");
  const auto rpmdb = copy_database(base, scratch.path() / "rpmdb");
  need_database(question, rpmdb);
  const auto metadata = rpm::fetch_metadata(repos, context.cache, context.events);
  Stage stage(context.events, "solve");
  const rpm::Solution solution = rpm::solve(rpmdb, question.wanted.assume_provides, metadata, request_of(question));
  PackagesAnswer answer;
  for (const auto& package : solution.install) answer.packages.push_back(to_lock(question.wanted, package));
  for (const auto& nevra : solution.remove) answer.removed.push_back(rpm::to_text(nevra));
  stage.finish(fmt::format("{} packages", answer.packages.size()));
  return answer;
}

// Who may sign is part of what makes the layer: a package is checked again when a recipe comes to trust another key.
std::string describe(const recipe::Packages& wanted, const lock::Lock& lock) {
  std::string text = describe_trust(wanted);
  for (const auto& package : lock.packages) text += fmt::format("package {} {}\n", package.nevra, package.sha256);
  for (const auto& nevra : lock.removed_packages) text += "removed " + nevra + "\n";
  for (const auto& [name, id] : lock.ids.users) text += fmt::format("user {} {}\n", name, id);
  for (const auto& [name, id] : lock.ids.groups) text += fmt::format("group {} {}\n", name, id);
  for (const auto& name : wanted.var_files) text += "copies " + name + "\n";
  for (const auto& script : wanted.ignored_scripts) text += "without " + script + "\n";
  return text;
}

void check_ids(const lock::Lock::Ids& made, const lock::Lock::Ids& locked) {
  const auto check = [](const auto& these, const auto& those, const char* kind) {
    for (const auto& [name, id] : these) {
      const auto known = those.find(name);
      if (known != those.end() && known->second == id) continue;
      throw Error(
          ErrorKind::mismatch,
          fmt::format("the packages make the {} '{}' with number {}, which the lock does not have", kind, name, id),
          "run 'atomic-compose resolve --update' to renew the lock");
    }
  };
  check(made.users, locked.users, "user");
  check(made.groups, locked.groups, "group");
}

}  // namespace

PackagesAnswer resolve_packages(Context& context, const PackagesQuestion& question) {
  PackagesAnswer answer = solve(context, question);
  lock::Lock lock;
  lock.packages = answer.packages;
  lock.removed_packages = answer.removed;
  answer.ids = lock.ids = question.previous.ids;
  const auto ref = [&] { return cache_ref(packages_layer(question.wanted, lock), question.base); };
  if (context.repository.resolve(ref())) return answer;
  const Installed installed = install(context, question.wanted, lock, question.base);
  answer.ids = lock.ids = installed.ids;
  context.repository.set_ref(ref(), installed.commit);
  return answer;
}

Layer packages_layer(const recipe::Packages& wanted, const lock::Lock& lock) {
  Layer layer;
  layer.name = "packages";
  layer.is_foundation = true;
  layer.inputs = describe(wanted, lock);
  layer.make = [wanted, lock](Context& context, const std::string& previous) {
    const Installed installed = install(context, wanted, lock, previous);
    check_ids(installed.ids, lock.ids);
    return installed.commit;
  };
  return layer;
}

}  // namespace compose::layers
