#pragma once
// Which numbers users and groups have inside the sandbox (user_namespaces(7)).

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

namespace compose::sandbox {

// A range of subordinate ids (subuid(5)).
struct IdRange {
  std::uint32_t start = 0;
  std::uint32_t count = 0;
};

struct IdMapping {
  bool user_namespace = false;  // false: we are root, ids are the machine's own
  std::optional<IdRange> uids;  // both or none: ids from 1 on inside; without, there is 0 alone, which is we
  std::optional<IdRange> gids;
};

// Whether this process may make mounts without a user namespace.
bool can_mount();

// The user's first range in text of the form of subuid(5) that has the ids of system users in it; `name` may be empty.
std::optional<IdRange> find_range(const std::string& text, const std::string& name, std::uint32_t id);

// What this user can have at best. `note` says why not more.
IdMapping best_mapping(std::string& note);

// Gives the new user namespace of `child` its ranges, by newuidmap and newgidmap. Throws Error(failed).
void write_ranges(pid_t child, const IdMapping& mapping);

}  // namespace compose::sandbox
