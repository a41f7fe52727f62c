#pragma once
// Fetching commits from another repository: http(s) or a folder. libostree does the transfer; what an interrupted pull
// had fetched is used by the next one.

#include <functional>
#include <optional>
#include <string>

#include "ostree/repository.hpp"

namespace compose::ostree {

struct PullSource {
  std::string url;                       // http(s)://… or file:///…
  std::optional<fs::path> gpg_key_file;  // set: commits must carry a GPG signature by one of its keys
};

struct PullProgress {
  std::uint64_t objects_done = 0;
  std::uint64_t objects_total = 0;  // grows while metadata is being read
  std::uint64_t bytes_done = 0;
};
using PullObserver = std::function<void(const PullProgress&)>;

// Asks the source what `ref` is and fetches that commit object (not its content), with its signatures; GPG is checked
// here. Throws Error: unreachable (4), input (3) when there is no such ref, mismatch (5) for a bad or missing
// signature.
std::string fetch_commit_of_ref(Repository& repository, const PullSource& source, const std::string& ref);

// Fetches the commit object `commit` alone, checked as above.
void fetch_commit_object(Repository& repository, const PullSource& source, const std::string& commit);

// Fetches all of `commit`; every object is checked against its checksum.
void pull_commit(Repository& repository, const PullSource& source, const std::string& commit,
                 const PullObserver& observer);

}  // namespace compose::ostree
