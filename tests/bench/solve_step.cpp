// Runs only the step from a request to a list of packages, for tests/bench/solve:
//   solve-step RPMDB CACHE URL SPEC...   (RPMDB: a private copy of a base's database folder)

#include <chrono>
#include <cstdio>
#include <vector>

#include <sys/resource.h>

#include <fmt/format.h>

#include "rpm/solve.hpp"
#include "support/error.hpp"

namespace {

long peak_memory_kib() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

int run(const std::vector<std::string>& arguments) {
  using namespace compose;
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  rpm::RepoConfig repo;
  repo.id = "bench";
  repo.base_urls = {arguments[2]};
  repo.place = "bench:1";
  const auto events = make_null_events();
  const auto metadata = rpm::fetch_metadata({repo}, arguments[1], *events);
  const std::chrono::duration<double> fetched = Clock::now() - started;
  rpm::Request request;
  for (std::size_t i = 3; i < arguments.size(); ++i) request.install.push_back({arguments[i], "bench"});
  const rpm::Solution solution = rpm::solve(arguments[0], {}, metadata, request);
  const std::chrono::duration<double> elapsed = Clock::now() - started;
  for (const auto& package : solution.install) fmt::print("{}\n", to_text(package.nevra));
  fmt::print(stderr, "{{\"seconds\":{:.3f},\"fetch_seconds\":{:.3f},\"packages\":{},\"peak_kib\":{}}}\n",
             elapsed.count(), fetched.count(), solution.install.size(), peak_memory_kib());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr, "usage: solve-step RPMDB CACHE URL SPEC...\n");
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
