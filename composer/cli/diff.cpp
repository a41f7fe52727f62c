#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/filesystem/operations.hpp>

#include "cli/command.hpp"
#include "cli/lock_json.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::cli {
namespace {

struct DiffOptions {
  fs::path from;
  fs::path to;
};

// A recipe's lock; any other file is a lock itself, whatever it is called.
lock::Lock read_lock(const fs::path& named) {
  const fs::path file = named.extension() == ".toml" ? lock::path_for(named) : named;
  if (!fs::exists(file)) {
    throw Error(ErrorKind::input, fmt::format("there is no lock '{}'", file.string()),
                "write it with `atomic-compose resolve RECIPE`");
  }
  return lock::parse(read_file(file, lock::largest_bytes), file);
}

int diff(const DiffOptions& options, const Common& common) {
  const lock::Difference difference = compare_locks(read_lock(options.from), read_lock(options.to));
  if (common.json) {
    fmt::print("{}\n", to_json(difference).dump());
    return 0;
  }
  if (difference.empty()) fmt::print("no difference\n");
  for (const std::string& line : lock::in_words(difference)) fmt::print("{}\n", line);
  return 0;
}

}  // namespace

Action add_diff(CLI::App& command) {
  auto options = std::make_shared<DiffOptions>();
  command.add_option("OLD", options->from, "The old lock, or its recipe")->required();
  command.add_option("NEW", options->to, "The new lock, or its recipe")->required();
  return [options](const Common& common) { return diff(*options, common); };
}

}  // namespace compose::cli
