#include "rpm/explain.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include <fmt/format.h>

extern "C" {
#include <solv/problems.h>
#include <solv/selection.h>
}

namespace compose::rpm {
namespace {

constexpr std::size_t line_limit = 40;

// What one problem is made of.
struct Findings {
  std::vector<std::string> lines;
  std::set<std::string> asked;   // "'podman' (recipes/x.toml:3:4)"
  std::set<std::string> locked;  // packages of the base that stay
};

void add_rule(Solver* solver, Id rule, const std::vector<Purpose>& purposes, Findings& findings) {
  Id source = 0;
  Id target = 0;
  Id dependency = 0;
  const SolverRuleinfo type = solver_ruleinfo(solver, rule, &source, &target, &dependency);
  if ((type & SOLVER_RULE_TYPEMASK) != SOLVER_RULE_JOB) {
    const std::string line = solver_problemruleinfo2str(solver, type, source, target, dependency);
    if (std::find(findings.lines.begin(), findings.lines.end(), line) == findings.lines.end())
      findings.lines.push_back(line);
    return;
  }
  Id what = 0;
  const Id how = solver_rule2job(solver, rule, &what);
  const int job = solver_rule2jobidx(solver, rule);
  if ((how & SOLVER_JOBMASK) == SOLVER_LOCK) findings.locked.insert(to_text(nevra_of(solver->pool, what)));
  if (job <= 0) return;
  const Purpose& purpose = purposes.at(static_cast<std::size_t>(job - 1) / 2);
  if (purpose.wanted != nullptr)
    findings.asked.insert(fmt::format("'{}' ({})", purpose.wanted->spec, purpose.wanted->place));
  if (!purpose.local.empty()) findings.asked.insert(fmt::format("'{}'", purpose.local.string()));
}

// The edit distance between two words (Levenshtein), in which a swap counts as two.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// Up to three package names that somebody may have meant.
std::vector<std::string> nearest_names(Pool* pool, const std::string& spec, bool installed) {
  const std::string word = spec.substr(0, std::min<std::size_t>(spec.find_first_of(" <>="), 100));
  std::set<std::string> names;
  for (Id package = 2; package < pool->nsolvables; ++package) {
    const Solvable* solvable = pool_id2solvable(pool, package);
    if (solvable->repo != nullptr && (solvable->repo == pool->installed) == installed)
      names.insert(pool_id2str(pool, solvable->name));
  }
  std::set<std::pair<std::size_t, std::string>> ranked;
  for (const auto& name : names) {
    const std::size_t apart = distance(word, name);
    if (apart <= 1 + word.size() / 4) ranked.emplace(apart, name);
    if (name.find(word) != std::string::npos && word.size() >= 3) ranked.emplace(apart, name);
  }
  std::vector<std::string> result;
  for (const auto& [apart, name] : ranked)
    if (result.size() < 3) result.push_back(name);
  return result;
}

std::string suggestion(Pool* pool, const std::string& spec, bool installed) {
  const auto names = nearest_names(pool, spec, installed);
  return names.empty() ? "" : fmt::format("; almost like it: {}", fmt::join(names, ", "));
}

bool selects(Pool* pool, const std::string& spec, int more) {
  IdQueue selection;
  constexpr int usual = SELECTION_NAME | SELECTION_PROVIDES | SELECTION_FILELIST | SELECTION_GLOB | SELECTION_CANON |
                        SELECTION_DOTARCH | SELECTION_REL;
  return selection_make(pool, selection.get(), spec.c_str(), usual | more) != 0;
}

std::string why_none(Pool* pool, const std::string& spec) {
  if (selects(pool, spec, SELECTION_WITH_DISABLED)) return "a repository has it, but it is excluded";
  if (selects(pool, spec, SELECTION_WITH_BADARCH)) return "repositories have it only for other architectures";
  if (selects(pool, spec, SELECTION_WITH_SOURCE)) return "repositories have it only as a source package";
  return "no repository has such a package" + suggestion(pool, spec, false);
}

}  // namespace

Error unsolvable(Solver* solver, const std::vector<Purpose>& purposes) {
  std::string message = "the packages cannot be installed together on this base:";
  std::set<std::string> locked;
  std::size_t lines = 0;
  const auto count = static_cast<Id>(solver_problem_count(solver));
  for (Id problem = 1; problem <= count && lines < line_limit; ++problem) {
    IdQueue rules;
    Findings findings;
    solver_findallproblemrules(solver, problem, rules.get());
    for (int i = 0; i < rules.size() && findings.lines.size() < line_limit; ++i)
      add_rule(solver, rules[i], purposes, findings);
    for (const auto& line : findings.lines) message += "\n  " + line;
    if (!findings.asked.empty()) message += fmt::format("\n    wanted by {}", fmt::join(findings.asked, ", "));
    locked.merge(findings.locked);
    lines += findings.lines.size();
  }
  std::string hint;
  if (!locked.empty())
    hint = fmt::format(
        "the base's packages stay as they are; `replace` of [packages] names those that may get another "
        "version, `remove` those that may go: here {}",
        fmt::join(locked, ", "));
  return {ErrorKind::input, message, hint};
}

std::string no_match(Pool* pool, const Wanted& wanted) {
  return fmt::format("{}: '{}': {}", wanted.place, wanted.spec, why_none(pool, wanted.spec));
}

std::string not_in_base(Pool* pool, const Wanted& wanted) {
  return fmt::format("{}: '{}': the base has no such package{}", wanted.place, wanted.spec,
                     suggestion(pool, wanted.spec, true));
}

}  // namespace compose::rpm
