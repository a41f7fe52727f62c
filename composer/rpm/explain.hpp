#pragma once
// Why a request has no solution, in words. For the sources of this module only.

#include <string>
#include <vector>

extern "C" {
#include <solv/solver.h>
}

#include "rpm/pool.hpp"
#include "rpm/solve.hpp"
#include "support/error.hpp"

namespace compose::rpm {

using SolverHandle = Handle<Solver, solver_free>;

// What a job of the solver's is for: an entry of the request, a local file, or nothing (the base's packages stay).
struct Purpose {
  const Wanted* wanted = nullptr;
  fs::path local;
};

// The error for a solver that found problems; `purposes` has one entry for each of its jobs.
Error unsolvable(Solver* solver, const std::vector<Purpose>& purposes);

// The line for an entry that means no package: whether it is excluded, for another architecture, or what is named
// almost like it.
std::string no_match(Pool* pool, const Wanted& wanted);
// The same for one that means no package of the base.
std::string not_in_base(Pool* pool, const Wanted& wanted);

}  // namespace compose::rpm
