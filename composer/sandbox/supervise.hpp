#pragma once
// Watches a running bubblewrap: gathers its output and ends it when a limit is reached.

#include <chrono>
#include <optional>
#include <string>

#include <sys/types.h>

#include "sandbox/sandbox.hpp"
#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose::sandbox {

struct Supervised {
  pid_t pid = 0;    // bubblewrap itself, a child of ours
  Fd output;        // what the programs print
  Fd status;        // bubblewrap's --json-status-fd
  Fd release;       // its --block-fd: the program starts when a byte is written there
  fs::path folder;  // on the file system that takes what the programs write
};

// Returns when every process of the sandbox is gone. Throws Error(failed) when bubblewrap could not make the sandbox.
Outcome supervise(Supervised running, const Limits& limits);

// How many threads the descendants of `root` have together, itself not counted; as far as /proc shows them.
std::size_t count_threads_below(pid_t root);

// Of the whole machine, to see cheaply that a closer look is not needed.
std::size_t count_threads();

}  // namespace compose::sandbox
