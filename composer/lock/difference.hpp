#pragma once
// What changed from one lock to another: as values, and in words for people.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lock/lock.hpp"

namespace compose::lock {

struct Difference {
  struct Base {
    Lock::Base from;
    Lock::Base to;
  };
  // `rebuilt`: the same version with other content. `moved`: the same file from another repository.
  enum class Change { added, removed, upgraded, downgraded, rebuilt, moved };
  struct Package {
    Change change{};
    std::string name;  // with its architecture where a lock has several of the name
    std::string from;  // "[EPOCH:]VERSION-RELEASE"; empty when there was none
    std::string to;
    std::string from_repo;
    std::string to_repo;
    std::int64_t added_bytes = 0;  // of package files, as everything here; negative: fewer
  };
  struct Image {
    std::string image;
    std::string from;  // digests; empty when there was none
    std::string to;
  };
  struct Id {
    std::string kind;  // "user" or "group"
    std::string name;
    std::optional<std::uint32_t> from;
    std::optional<std::uint32_t> to;
  };
  struct Total {
    std::size_t packages = 0;
    std::uint64_t size_bytes = 0;
  };

  std::optional<Base> base;
  std::vector<Package> packages;       // sorted by name and architecture
  std::vector<std::string> taken_out;  // NEVRAs that the new lock removes from the base and the old one did not
  std::vector<std::string> left_in;    // the other way round
  std::vector<Image> agent_images;
  std::vector<Id> ids;
  Total from;
  Total to;

  bool empty() const;
};

// Which of two NEVRAs' versions is newer: negative, 0, positive.
using VersionOrder = std::function<int(const std::string& nevra_a, const std::string& nevra_b)>;

Difference difference(const Lock& from, const Lock& to, const VersionOrder& order);

// "upgraded", as JSON and text have it.
const char* word_for(Difference::Change change);

// A line for each change: "upgraded amazon-ecs-init 1.90.0-1 -> 1.91.0-1 (+1.2 MiB)". Nothing when there is none.
std::vector<std::string> in_words(const Difference& difference);

}  // namespace compose::lock
