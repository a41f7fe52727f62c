#pragma once
// What happens between fork and exec. This process has threads, so here only async-signal-safe calls are allowed:
// everything is prepared before as plain pointers, nothing is allocated, nothing is thrown.

#include <span>

#include <sys/resource.h>
#include <sys/types.h>

#include "sandbox/launch.hpp"

namespace compose::sandbox {

struct ChildOwner {
  const char* path;
  uid_t uid;
  gid_t gid;
  mode_t mode;
};
struct ChildBind {
  const char* target;
  const char* source;
};
struct ChildLimit {
  int resource;
  rlimit value;
};

struct ChildPlan {
  pid_t parent;
  bool user_namespace;
  bool ranges;  // the parent writes the maps; else the child does
  const char* uid_map;
  const char* gid_map;
  const char* folder;           // null: no mounts
  const char* overlay_options;  // null: merged is there already
  std::span<const char* const> hidden;
  std::span<const ChildBind> exposed;  // sources are below merged
  std::span<const ChildBind> binds;    // targets are below merged
  std::span<const ChildOwner> owners;
  std::span<const ChildLimit> limits;
  std::span<int> descriptors;
  char* const* arguments;
  char* const* environment;
  int status;  // a Report is written there: ids when the maps are wanted, else what failed
  int resume;  // a byte comes when the maps are written
};

struct Report {
  Step step;
  int error;
};

[[noreturn]] void run_child(const ChildPlan& plan) noexcept;

}  // namespace compose::sandbox
