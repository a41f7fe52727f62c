#pragma once
// The commands: one table (cli.cpp), one file a command. A command adds its options to the parser and returns what runs
// when the command line names it.

#include <functional>
#include <memory>
#include <string>

#include "support/events.hpp"
#include "support/path.hpp"

namespace CLI {
class App;
}

namespace compose::cli {

// Options that every command understands.
struct Common {
  fs::path workspace = ".compose";
  fs::path out = "out";
  bool json = false;
  int progress_fd = -1;
  bool verbose = false;

  // Text on stderr, and JSON lines on --progress-fd when given.
  std::unique_ptr<Events> make_events() const;
};

// Runs the command; its result goes to stdout. Returns the exit code, throws Error.
using Action = std::function<int(const Common& common)>;

Action add_check(CLI::App& command);
Action add_resolve(CLI::App& command);
Action add_diff(CLI::App& command);
Action add_plan(CLI::App& command);
Action add_build(CLI::App& command);
Action add_log(CLI::App& command);
Action add_test(CLI::App& command);
Action add_publish(CLI::App& command);
Action add_keygen(CLI::App& command);

// Parses the command line and runs it. Returns the process's exit code.
int run(int argc, const char* const* argv);

}  // namespace compose::cli
