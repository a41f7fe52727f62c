#include "rpm/candidates.hpp"

#include <algorithm>

#include <fnmatch.h>

#include <fmt/format.h>

#include "rpm/solv_cache.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

constexpr const char* local_id = "local";

// Whether a glob means the package: by its name, NAME.ARCH or NEVRA, with or without its epoch.
bool means(const std::string& pattern, const Nevra& nevra) {
  Nevra no_epoch = nevra;
  no_epoch.epoch = "0";
  for (const std::string& text : {nevra.name, nevra.name + "." + nevra.arch, to_text(nevra), to_text(no_epoch)})
    if (::fnmatch(pattern.c_str(), text.c_str(), 0) == 0) return true;
  return false;
}

bool any_means(const std::vector<std::string>& patterns, const Nevra& nevra) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return means(pattern, nevra); });
}

std::vector<const Metadata*> by_id(const std::vector<Metadata>& repos) {
  std::vector<const Metadata*> sorted;
  for (const auto& repo : repos) sorted.push_back(&repo);
  std::sort(sorted.begin(), sorted.end(), [](const Metadata* a, const Metadata* b) { return a->repo.id < b->repo.id; });
  return sorted;
}

void add_repository(Pool* pool, const Metadata& metadata) {
  Repo* repo = repo_create(pool, metadata.repo.id.c_str());
  repo->appdata = const_cast<Metadata*>(&metadata);  // libsolv's field is not const; only metadata_of() reads it
  repo->priority = -metadata.repo.priority;          // there more is better
  repo->subpriority = -metadata.repo.cost;
  with_context(fmt::format("reading repository '{}' ({})", metadata.repo.id, metadata.repo.place),
               [&] { load_metadata(repo, metadata); });
}

void add_local(Candidates& candidates, std::vector<fs::path> files) {
  if (files.empty()) return;
  std::sort(files.begin(), files.end());
  Repo* repo = repo_create(candidates.pool.get(), local_id);
  for (const auto& file : files) candidates.local.emplace(add_package_file(repo, file), file);
  repo_internalize(repo);
}

// Packages that repositories have, but not for us.
class Exclusion {
 public:
  Exclusion(Candidates& candidates, const Request& request) : candidates_(candidates), request_(request) {
    pool_ = candidates.pool.get();
    candidates.considered = std::make_unique<IdSet>(pool_->nsolvables);
  }

  void apply() {
    const Pool* pool = pool_;  // the macro's
    Repo* repo = nullptr;
    int index = 0;
    FOR_REPOS(index, repo) {
      if (const auto* metadata = static_cast<const Metadata*>(repo->appdata)) exclude_from(repo, metadata->repo);
    }
    for (const auto& pin : request_.pinned) apply(pin);
    pool_->considered = candidates_.considered->get();
  }

 private:
  void forget(Id package) { candidates_.considered->remove(package); }

  void exclude_from(Repo* repo, const RepoConfig& config) {
    if (request_.exclude.empty() && config.exclude.empty() && config.include_only.empty()) return;
    Id package = 0;
    Solvable* solvable = nullptr;
    FOR_REPO_SOLVABLES(repo, package, solvable) {
      const Nevra nevra = nevra_of(pool_, package);
      const bool included = config.include_only.empty() || any_means(config.include_only, nevra);
      if (!included || any_means(config.exclude, nevra) || any_means(request_.exclude, nevra)) forget(package);
    }
  }

  // Of a pinned package's name no other version is left.
  void apply(const Request::Pinned& pin) {
    const Nevra wanted = parse_nevra(pin.nevra);
    const Id name = pool_str2id(pool_, wanted.name.c_str(), 0);
    bool found = false;
    for (Id package = 2; package < pool_->nsolvables; ++package) {
      const Solvable* solvable = pool_id2solvable(pool_, package);
      if (solvable->repo == nullptr || solvable->repo == pool_->installed || solvable->name != name) continue;
      const Nevra nevra = nevra_of(pool_, package);
      if (nevra == wanted && solvable->repo->name == pin.repo) {
        candidates_.pinned.push_back(package);
        found = true;
      } else if (nevra.arch == wanted.arch && solvable->repo->appdata != nullptr) {
        forget(package);
      }
    }
    if (!found) {
      throw Error(ErrorKind::input,
                  fmt::format("repository '{}' no longer has {}, which the lock names", pin.repo, pin.nevra),
                  "`atomic-compose resolve --update` takes what it has now");
    }
  }

  Candidates& candidates_;
  const Request& request_;
  Pool* pool_ = nullptr;
};

}  // namespace

const Metadata* metadata_of(const Solvable& package) { return static_cast<const Metadata*>(package.repo->appdata); }

Candidates gather(const std::optional<fs::path>& rpmdb, const std::vector<std::string>& assume_provides,
                  const std::vector<Metadata>& repos, const Request& request) {
  Candidates candidates;
  candidates.pool = make_pool(request.arch);
  Pool* pool = candidates.pool.get();
  if (rpmdb) add_installed(pool, *rpmdb);
  if (!rpmdb) add_assumed(pool, assume_provides);
  for (const Metadata* metadata : by_id(repos)) add_repository(pool, *metadata);
  add_local(candidates, request.local);
  Exclusion(candidates, request).apply();
  pool_addfileprovides(pool);
  pool_createwhatprovides(pool);
  return candidates;
}

}  // namespace compose::rpm
