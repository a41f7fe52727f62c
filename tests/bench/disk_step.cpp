// Runs only the step from commits to a disk, for tests/bench/disk and for looking at layouts:
//   disk-step REPOSITORY TARGET NAME STATEROOT REF COMMIT...   (commits base first; refs are resolved)

#include <chrono>
#include <cstdio>
#include <vector>

#include <sys/resource.h>

#include <fmt/format.h>

#include "disk/disk.hpp"
#include "ostree/content.hpp"
#include "ostree/repository.hpp"
#include "support/error.hpp"

namespace {

long peak_memory_kib() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

int run(const std::vector<std::string>& arguments) {
  using namespace compose;
  const auto started = std::chrono::steady_clock::now();
  const auto repository = ostree::Repository::open(arguments[0]);
  std::vector<std::string> commits;
  for (std::size_t i = 5; i < arguments.size(); ++i)
    commits.push_back(repository.resolve(arguments[i]).value_or(arguments[i]));
  disk::DiskSpec spec;
  spec.name = arguments[2];
  spec.stateroot = arguments[3];
  spec.ref = arguments[4];
  const auto events = make_null_events();
  const ChainContent chain = ostree::read_chain(repository, commits);
  const std::chrono::duration<double> read = std::chrono::steady_clock::now() - started;
  const disk::DiskResult result = disk::write_raw_disk(spec, chain, arguments[1], *events);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
  fmt::print("{{\"seconds\":{:.3f},\"read_seconds\":{:.3f},\"peak_kib\":{},\"size_bytes\":{},\"used_bytes\":{}}}\n",
             elapsed.count(), read.count(), peak_memory_kib(), result.size_bytes, result.used_bytes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) {
    fmt::print(stderr, "usage: disk-step REPOSITORY TARGET NAME STATEROOT REF COMMIT...\n");
    return 2;
  }
  try {
    return run({argv + 1, argv + argc});
  } catch (const compose::Error& error) {
    fmt::print(stderr, "{}", error.explain());
    return static_cast<int>(error.kind());
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
