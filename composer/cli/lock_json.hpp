#pragma once
// Locks and what changed between two as JSON: for `resolve` and `diff`.

#include <nlohmann/json.hpp>

#include "lock/difference.hpp"

namespace compose::cli {

// All of the lock but for its comment: base, agent_images, packages, removed_packages, ids.
nlohmann::json to_json(const lock::Lock& lock);

nlohmann::json to_json(const lock::Difference& difference);

// By rpm's own order of versions.
lock::Difference compare_locks(const lock::Lock& from, const lock::Lock& to);

}  // namespace compose::cli
