#include "layers/packages/install.hpp"

#include <algorithm>
#include <functional>
#include <sstream>

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "layers/packages/generated.hpp"
#include "layers/packages/scripts.hpp"
#include "layers/packages/sources.hpp"
#include "layers/packages/tmpfiles.hpp"
#include "layers/packages/tree_database.hpp"
#include "layers/packages/unpack.hpp"
#include "layers/packages/users.hpp"
#include "ostree/transaction.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::layers {
namespace {

const std::string modules_folder = "/usr/lib/modules/";
const std::string packages_tmpfiles = "/usr/lib/tmpfiles.d/packages-var.conf";

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (!line.starts_with("#")) lines.insert(line);
  return lines;
}

std::vector<rpm::Nevra> parse_all(const std::vector<std::string>& nevras) {
  std::vector<rpm::Nevra> parsed;
  for (const auto& nevra : nevras) parsed.push_back(rpm::parse_nevra(nevra));
  return parsed;
}

// Each step is a commit, because the next one may have to look at it as files.
class Installation {
 public:
  Installation(Context& context, const recipe::Packages& wanted, const lock::Lock& lock, const std::string& base)
      : context_(context),
        wanted_(wanted),
        lock_(lock),
        base_(base),
        scratch_(context.scratch, "packages-"),
        time_(ostree::commit_timestamp(context.repository, base)),
        removed_(parse_all(lock.removed_packages)),
        users_(ostree::Tree(context.repository, base), lock.ids) {}

  Installed run() {
    fetch();
    const std::string unpacked = unpack_packages();
    const std::string configured = run_package_scripts(unpacked);
    return {make_what_depends(configured), numbers_.added};
  }

 private:
  void fetch() {
    const ostree::Tree base(context_.repository, base_);
    const auto files = fetch_locked(context_, wanted_, lock_.packages, repositories_for(wanted_, base));
    rpmdb_ = copy_database(base, scratch_.path() / "rpmdb");
    for (const std::size_t index : rpm::install_order(files, rpmdb_, removed_)) files_.push_back(files[index]);
  }

  std::string unpack_packages() {
    return next("packages unpacked", base_, [&](ostree::Tree& tree) {
      if (rpmdb_ && !removed_.empty()) remove_packages(tree, *rpmdb_, removed_);
      unpacked_ = unpack(tree, files_, folder("file"), rpmdb_, context_.events, wanted_.var_files);
      put_tmpfiles(tree, {unpacked_.tmpfiles.begin(), unpacked_.tmpfiles.end()});
      users_.begin(tree, unpacked_.packages);
    });
  }

  // Lines that a base of ours brought stay.
  static void put_tmpfiles(ostree::Tree& tree, std::set<std::string> lines) {
    if (lines.empty()) return;
    if (tree.lookup(packages_tmpfiles)) lines.merge(lines_of(tree.read(packages_tmpfiles)));
    tree.put_file(packages_tmpfiles, {0, 0, S_IFREG | 0644U, {}}, tmpfiles_text({lines.begin(), lines.end()}));
  }

  // As rpm-ostree has it: alternatives(8) finds on the host what it wrote when the tree was composed.
  static void link_alternatives(ostree::Tree& tree) {
    if (tree.list("/usr/lib/alternatives").empty() || declared_paths(tree).contains("/var/lib/alternatives")) return;
    put_tmpfiles(tree, {"L /var/lib/alternatives - - - - ../../usr/lib/alternatives"});
  }

  std::string run_package_scripts(const std::string& commit) {
    return next("packages configured", commit, [&](ostree::Tree& tree) {
      ScriptsInput input{commit, plan(), unpacked_.paths, time_};
      for (const auto& skipped : input.plan.skipped) context_.events.note("not run: " + skipped);
      if (!input.plan.empty()) run_scripts(context_.repository, tree, input, folder("scripts"), context_.events);
      link_alternatives(tree);
      numbers_ = users_.finish(tree);
      require_owners(tree, unpacked_.packages, numbers_);
      set_owners(tree, unpacked_.owned, numbers_.users, numbers_.groups);
      place_kernels(tree);
      keep_one_kernel(tree, kernels_of_packages(), owners_of_kernels(tree));
    });
  }

  rpm::ScriptPlan plan() const {
    std::set<std::string> updates;
    for (const auto& nevra : removed_) updates.insert(nevra.name);
    std::vector<rpm::InstalledTrigger> triggers;
    if (rpmdb_) triggers = rpm::installed_file_triggers(*rpmdb_);
    std::erase_if(triggers, [&](const auto& trigger) { return is_removed(trigger.package); });
    return rpm::plan_scripts(unpacked_.packages, updates, triggers,
                             {wanted_.ignored_scripts.begin(), wanted_.ignored_scripts.end()});
  }

  bool is_removed(const rpm::Nevra& nevra) const {
    return std::find(removed_.begin(), removed_.end(), nevra) != removed_.end();
  }

  std::set<std::string> kernels_of_packages() const {
    std::set<std::string> versions;
    for (const auto& path : unpacked_.paths) {
      if (!path.starts_with(modules_folder)) continue;
      const std::string rest = path.substr(modules_folder.size());
      versions.insert(rest.substr(0, rest.find('/')));
    }
    return versions;
  }

  std::map<std::string, std::string> owners_of_kernels(const ostree::Tree& tree) const {
    std::map<std::string, std::string> owners;
    for (const auto& version : kernels_in(tree)) {
      const std::string folder = modules_folder + version;
      if (!rpmdb_) continue;
      for (const auto& [path, packages] :
           rpm::owners_of(*rpmdb_, {folder, "/lib/modules/" + version, folder + "/vmlinuz"})) {
        for (const auto& package : packages)
          if (!is_removed(package)) owners[version] = rpm::to_text(package);
      }
    }
    return owners;
  }

  std::string make_what_depends(const std::string& commit) {
    const fs::path rpmdb = rpmdb_.value_or(folder("rpmdb"));
    rpm::update_database(rpmdb, files_, removed_, time_);
    ostree::CommitMetadata metadata = metadata_of("packages");
    for (const auto& nevra : rpm::installed_packages(rpmdb))
      metadata.packages.push_back({nevra.name, nevra.epoch, nevra.version, nevra.release, nevra.arch});
    return next(metadata, commit, [&](ostree::Tree& tree) {
      const auto generated = plan_generated(tree, changed_paths(context_.repository, base_, commit));
      if (!generated.empty())
        make_generated(context_.repository, tree, commit, generated, time_, folder("generated"), context_.events);
      put_database(tree, rpmdb);
    });
  }

  ostree::CommitMetadata metadata_of(const std::string& what) const {
    ostree::CommitMetadata metadata;
    metadata.subject = "layer " + what;
    metadata.timestamp = time_;
    return metadata;
  }

  using Change = std::function<void(ostree::Tree& tree)>;

  std::string next(const ostree::CommitMetadata& metadata, const std::string& commit, const Change& change) {
    ostree::Transaction transaction(context_.repository);
    ostree::Tree tree = open_labelled(context_, commit);
    change(tree);
    std::string result = tree.commit(metadata);
    transaction.commit();
    return result;
  }
  std::string next(const std::string& what, const std::string& commit, const Change& change) {
    return next(metadata_of(what), commit, change);
  }

  fs::path folder(const std::string& name) const {
    fs::path path = scratch_.path() / name;
    fs::create_directories(path);
    return path;
  }

  Context& context_;
  const recipe::Packages& wanted_;
  const lock::Lock& lock_;
  std::string base_;
  TemporaryDirectory scratch_;
  std::uint64_t time_;
  std::vector<rpm::Nevra> removed_;
  PackageUsers users_;
  std::optional<fs::path> rpmdb_;
  std::vector<fs::path> files_;  // in the order of installing
  Unpacked unpacked_;
  UserNumbers numbers_;
};

}  // namespace

Installed install(Context& context, const recipe::Packages& wanted, const lock::Lock& lock, const std::string& base) {
  return Installation(context, wanted, lock, base).run();
}

}  // namespace compose::layers
