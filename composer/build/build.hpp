#pragma once
// The main job: recipe and lock to commit to disk images.

#include <optional>
#include <string>
#include <vector>

#include "build/chain.hpp"

namespace compose::build {

enum class Goal { commit, disk };

struct Options {
  fs::path workspace = ".compose";
  fs::path out = "out";
  Goal goal = Goal::disk;
};

struct DiskReport {
  std::string format;
  fs::path path;
  std::string digest_name;  // "fsverity" of raw disks, "sha256" of others
  std::string digest;
  std::uint64_t size_bytes = 0;
  bool reused = false;  // the file was there, and is what would have been written
};

struct BuildReport {
  std::string name;
  std::string version;
  std::string arch;
  std::string ref;
  std::string commit;
  std::string foundation;  // the commit that the agents were put on
  std::string lock_digest;
  std::string public_key;
  std::vector<LayerReport> layers;
  std::vector<DiskReport> disks;
};

struct ResolveOptions {
  // The lock that there was: the numbers of its users and groups stay.
  std::optional<lock::Lock> previous;
  // With `previous`: names of the packages in it that are renewed, with what that needs; everything else, base and
  // agents too, stays as it is there. Empty: everything is renewed.
  std::vector<std::string> renew;
};

// Asks the network what is newest. Writes nothing outside the workspace.
lock::Lock resolve(const recipe::Recipe& recipe, Workspace& workspace, const ResolveOptions& options, Events& events);

// Commit, signature, ref and (unless the goal is the commit) the disks NAME-VERSION.FORMAT in options.out, each by
// atomic rename. Same recipe, lock and key: same bytes.
BuildReport run_build(const recipe::Recipe& recipe, const lock::Lock& lock, const sign::SecretKey& key,
                      Workspace& workspace, const Options& options, Events& events);

// The raw disk's place.
fs::path disk_path(const recipe::Recipe& recipe, const Options& options, const std::string& format);

}  // namespace compose::build
