#pragma once
// libsolv: the packages that a solver chooses from. For the sources of this module only.

#include <optional>
#include <string>
#include <vector>

extern "C" {
#include <solv/pool.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/solvable.h>
}

#include "rpm/nevra.hpp"
#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose::rpm {

using PoolHandle = Handle<Pool, pool_free>;

// libsolv's list of numbers.
class IdQueue {
 public:
  IdQueue() { queue_init(&queue_); }
  ~IdQueue() { queue_free(&queue_); }
  IdQueue(const IdQueue&) = delete;
  IdQueue& operator=(const IdQueue&) = delete;

  Queue* get() noexcept { return &queue_; }
  int size() const noexcept { return queue_.count; }
  Id operator[](int index) const noexcept { return queue_.elements[index]; }

 private:
  Queue queue_{};
};

// Packages of `arch` and noarch; no other can be installed.
PoolHandle make_pool(const std::string& arch);

// The base's packages, from a private copy of its database's folder. Throws Error(input) when it cannot be read.
void add_installed(Pool* pool, const fs::path& rpmdb);

// In place of a base's packages: one that provides these ("/bin/sh", "name = version").
void add_assumed(Pool* pool, const std::vector<std::string>& provides);

// A package file as a package of `repo`. Throws Error(input) when it is none.
Id add_package_file(Repo* repo, const fs::path& file);

Nevra nevra_of(Pool* pool, Id package);

}  // namespace compose::rpm
