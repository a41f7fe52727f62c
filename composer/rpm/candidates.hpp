#pragma once
// What a request lets the solver choose from. For the sources of this module only.

#include <map>
#include <memory>
#include <string>
#include <vector>

extern "C" {
#include <solv/bitmap.h>
}

#include "rpm/pool.hpp"
#include "rpm/solve.hpp"

namespace compose::rpm {

// Packages that the solver may take: all at first.
class IdSet {
 public:
  explicit IdSet(int size) {
    map_init(&map_, size);
    map_setall(&map_);
  }
  ~IdSet() { map_free(&map_); }
  IdSet(const IdSet&) = delete;
  IdSet& operator=(const IdSet&) = delete;

  void remove(Id id) noexcept {
    map_.map[id >> 3] &= static_cast<unsigned char>(~(1U << (static_cast<unsigned>(id) & 7U)));
  }
  Map* get() noexcept { return &map_; }

 private:
  Map map_{};
};

struct Candidates {
  PoolHandle pool;
  std::map<Id, fs::path> local;       // the request's own files
  std::vector<Id> pinned;             // packages that a pin means
  std::unique_ptr<IdSet> considered;  // without what is excluded; the pool looks at it
};

// Everything in one pool: the base's packages or what it is assumed to provide, the repositories in the order of their
// ids, the local files. Throws Error(input).
Candidates gather(const std::optional<fs::path>& rpmdb, const std::vector<std::string>& assume_provides,
                  const std::vector<Metadata>& repos, const Request& request);

// The repository that a package comes from; null for the base's and local ones.
const Metadata* metadata_of(const Solvable& package);

}  // namespace compose::rpm
