#include "rpm/solve.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

extern "C" {
#include <solv/chksum.h>
#include <solv/selection.h>
#include <solv/solver.h>
#include <solv/transaction.h>
}

#include "rpm/candidates.hpp"
#include "rpm/explain.hpp"
#include "rpm/transfer.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

using TransactionHandle = Handle<Transaction, transaction_free>;

constexpr int any_spec = SELECTION_NAME | SELECTION_PROVIDES | SELECTION_FILELIST | SELECTION_GLOB | SELECTION_CANON |
                         SELECTION_DOTARCH | SELECTION_REL;
constexpr int of_base =
    SELECTION_NAME | SELECTION_GLOB | SELECTION_CANON | SELECTION_DOTARCH | SELECTION_INSTALLED_ONLY;

// In an order that does not depend on who wrote what first.
std::vector<const Wanted*> sorted(const std::vector<Wanted>& entries) {
  std::vector<const Wanted*> result;
  for (const auto& entry : entries) result.push_back(&entry);
  std::sort(result.begin(), result.end(),
            [](const Wanted* a, const Wanted* b) { return std::tie(a->spec, a->place) < std::tie(b->spec, b->place); });
  return result;
}

// What the solver is told, and what for.
class Jobs {
 public:
  Jobs(const Candidates& candidates, const Request& request) : candidates_(candidates), request_(request) {
    pool_ = candidates.pool.get();
    for (const Wanted* wanted : sorted(request.install)) install(*wanted);
    for (const auto& [package, file] : candidates.local)
      add(SOLVER_INSTALL | SOLVER_SOLVABLE, package, {nullptr, file});
    for (const Id package : candidates.pinned) add(SOLVER_FAVOR | SOLVER_SOLVABLE, package, {});
    change_base();
    if (!problems_.empty()) throw Error(ErrorKind::input, fmt::format("{}", fmt::join(problems_, "\n")));
  }

  Queue* queue() { return queue_.get(); }
  const std::vector<Purpose>& purposes() const { return purposes_; }

 private:
  void add(Id how, Id what, const Purpose& purpose) {
    queue_push2(queue_.get(), how, what);
    purposes_.push_back(purpose);
  }

  void install(const Wanted& wanted) {
    IdQueue selection;
    if (selection_make(pool_, selection.get(), wanted.spec.c_str(), any_spec) == 0)
      problems_.push_back(no_match(pool_, wanted));
    for (int i = 0; i + 1 < selection.size(); i += 2)
      add(SOLVER_INSTALL | selection[i], selection[i + 1], {&wanted, {}});
  }

  std::set<Id> packages_of_base(const Wanted& wanted) {
    IdQueue selection;
    IdQueue packages;
    if (selection_make(pool_, selection.get(), wanted.spec.c_str(), of_base) == 0)
      problems_.push_back(not_in_base(pool_, wanted));
    selection_solvables(pool_, selection.get(), packages.get());
    std::set<Id> result;
    for (int i = 0; i < packages.size(); ++i) result.insert(packages[i]);
    return result;
  }

  void change_base() {
    std::set<Id> free;
    for (const Wanted* wanted : sorted(request_.remove)) {
      for (const Id package : packages_of_base(*wanted)) {
        // By name: a dependency must not bring another version of it back.
        add(SOLVER_ERASE | SOLVER_SOLVABLE_NAME, pool_id2solvable(pool_, package)->name, {wanted, {}});
        free.insert(package);
      }
    }
    for (const Wanted* wanted : sorted(request_.replace)) free.merge(packages_of_base(*wanted));
    Id package = 0;
    Solvable* solvable = nullptr;
    FOR_REPO_SOLVABLES(pool_->installed, package, solvable) {
      if (!free.contains(package)) add(SOLVER_LOCK | SOLVER_SOLVABLE, package, {});
    }
  }

  const Candidates& candidates_;
  const Request& request_;
  Pool* pool_ = nullptr;
  IdQueue queue_;
  std::vector<Purpose> purposes_;
  std::vector<std::string> problems_;
};

SolverHandle make_solver(Pool* pool, const Request& request) {
  SolverHandle solver(solver_create(pool));
  solver_set_flag(solver.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, request.weak ? 0 : 1);
  for (const int flag : {SOLVER_FLAG_KEEP_ORPHANS, SOLVER_FLAG_BEST_OBEY_POLICY, SOLVER_FLAG_YUM_OBSOLETES,
                         SOLVER_FLAG_ALLOW_VENDORCHANGE, SOLVER_FLAG_ALLOW_DOWNGRADE})
    solver_set_flag(solver.get(), flag, 1);
  return solver;
}

[[noreturn]] void refuse(const SolvedPackage& package, const std::string& why) {
  throw Error(ErrorKind::input,
              fmt::format("repository '{}': package {} {}", package.repo, to_text(package.nevra), why),
              "report this to whoever runs the repository, or exclude the package");
}

std::string sha256_of(Pool* pool, Id id, const SolvedPackage& package) {
  Id type = 0;
  const char* checksum = solvable_lookup_checksum(pool_id2solvable(pool, id), SOLVABLE_CHECKSUM, &type);
  if (checksum == nullptr) refuse(package, "has no checksum");
  if (type != REPOKEY_TYPE_SHA256) {
    refuse(package, fmt::format("has only a {} checksum; the lock needs its sha256",
                                solv_chksum_type2str(type) == nullptr ? "strange" : solv_chksum_type2str(type)));
  }
  return checksum;
}

SolvedPackage describe_remote(Pool* pool, Id id) {
  Solvable* solvable = pool_id2solvable(pool, id);
  SolvedPackage package{nevra_of(pool, id), solvable->repo->name, {}, 0, {}};
  unsigned int medium = 0;
  const char* location = solvable_lookup_location(solvable, &medium);
  if (location == nullptr) refuse(package, "has no location");
  if (solvable_lookup_str(solvable, SOLVABLE_MEDIABASE) != nullptr) refuse(package, "is on another server");
  package.location = location;
  with_context(fmt::format("reading repository '{}'", package.repo), [&] { check_location(package.location); });
  package.size_bytes = solvable_lookup_num(solvable, SOLVABLE_DOWNLOADSIZE, 0);
  if (package.size_bytes == 0) refuse(package, "has no size");
  package.sha256 = sha256_of(pool, id, package);
  return package;
}

SolvedPackage describe(const Candidates& candidates, Id id) {
  const auto local = candidates.local.find(id);
  if (local == candidates.local.end()) return describe_remote(candidates.pool.get(), id);
  return {nevra_of(candidates.pool.get(), id), "local", local->second.string(), fs::file_size(local->second),
          sha256_of_file(local->second)};
}

Solution read_solution(const Candidates& candidates, Solver* solver) {
  Pool* pool = candidates.pool.get();
  const TransactionHandle transaction(solver_create_transaction(solver));
  Solution solution;
  for (int i = 0; i < transaction->steps.count; ++i) {
    const Id id = transaction->steps.elements[i];
    if (pool_id2solvable(pool, id)->repo == pool->installed) {
      solution.remove.push_back(nevra_of(pool, id));
    } else {
      solution.install.push_back(describe(candidates, id));
    }
  }
  std::sort(solution.install.begin(), solution.install.end(),
            [](const SolvedPackage& a, const SolvedPackage& b) { return a.nevra < b.nevra; });
  std::sort(solution.remove.begin(), solution.remove.end());
  return solution;
}

}  // namespace

Solution solve(const std::optional<fs::path>& rpmdb, const std::vector<std::string>& assume_provides,
               const std::vector<Metadata>& repos, const Request& request) {
  const Candidates candidates = gather(rpmdb, assume_provides, repos, request);
  Jobs jobs(candidates, request);
  const SolverHandle solver = make_solver(candidates.pool.get(), request);
  if (solver_solve(solver.get(), jobs.queue()) != 0) throw unsolvable(solver.get(), jobs.purposes());
  return read_solution(candidates, solver.get());
}

}  // namespace compose::rpm
