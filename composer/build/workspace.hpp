#pragma once
// The workspace: everything a build keeps. Only one build works in it at a time; what a killed one left is removed
// when the next one opens it.
//
//   repo/    the OSTree repository (bare-user): bases, layers, results
//   cache/   container images by digest
//   disks/   what is known of the disks written last, by recipe name
//   tmp/     work in progress

#include "ostree/repository.hpp"
#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose::build {

class Workspace {
 public:
  // Makes what is missing. Waits for another build in the same workspace to end (`on_wait` is called once then).
  // Throws Error(failed) when the folder cannot be written.
  template <typename OnWait>
  Workspace(const fs::path& path, OnWait&& on_wait) : Workspace(path) {
    if (!try_lock()) {
      on_wait();
      wait_for_lock();
    }
    repair();
  }

  const fs::path& path() const noexcept { return path_; }
  fs::path tmp() const { return path_ / "tmp"; }
  fs::path cache() const { return path_ / "cache"; }
  fs::path disks() const { return path_ / "disks"; }
  ostree::Repository& repository() noexcept { return *repository_; }

  // Removes what this build left in tmp/ and in the repository's.
  void clean();

 private:
  explicit Workspace(const fs::path& path);
  bool try_lock();
  void wait_for_lock();
  void repair();

  fs::path path_;
  Fd lock_;
  std::unique_ptr<ostree::Repository> repository_;
};

}  // namespace compose::build
