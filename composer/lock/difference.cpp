#include "lock/difference.hpp"

#include <algorithm>
#include <iterator>

#include "lock/nevra_parts.hpp"

namespace compose::lock {
namespace {

using Change = Difference::Change;

struct Known {
  const Lock::Package* package;
  NevraParts parts;
};

// By "NAME.ARCH".
using Packages = std::map<std::string, Known>;

Packages by_name(const Lock& lock) {
  Packages result;
  for (const auto& package : lock.packages) {
    if (auto parts = nevra_parts(package.nevra)) result.insert({parts->name_arch(), {&package, *parts}});
  }
  return result;
}

std::int64_t size_of(const Known* known) {
  return known == nullptr ? 0 : static_cast<std::int64_t>(known->package->size_bytes);
}

// What happened to a package that is in both locks; nothing when it is the same.
std::optional<Change> change_of(const Lock::Package& from, const Lock::Package& to, const VersionOrder& order) {
  if (from.nevra != to.nevra) {
    const int newer = order(to.nevra, from.nevra);
    if (newer == 0) return Change::rebuilt;  // "1.0" and "1.00" are one version
    return newer > 0 ? Change::upgraded : Change::downgraded;
  }
  if (from.sha256 != to.sha256) return Change::rebuilt;
  if (from.repo != to.repo) return Change::moved;
  return std::nullopt;
}

const Known* find(const Packages& packages, const std::string& key) {
  const auto found = packages.find(key);
  return found == packages.end() ? nullptr : &found->second;
}

// How often each name occurs, counting an architecture once.
std::map<std::string, std::size_t> architectures_of(const Packages& from, const Packages& to) {
  Packages all = from;
  all.insert(to.begin(), to.end());
  std::map<std::string, std::size_t> counts;
  for (const auto& [key, known] : all) ++counts[known.parts.name];
  return counts;
}

std::vector<Difference::Package> compare_packages(const Packages& from, const Packages& to, const VersionOrder& order) {
  std::vector<Difference::Package> result;
  Packages all = from;
  all.insert(to.begin(), to.end());
  auto architectures = architectures_of(from, to);
  for (const auto& [key, known] : all) {
    const Known* before = find(from, key);
    const Known* after = find(to, key);
    std::optional<Change> change = before == nullptr ? Change::added : Change::removed;
    if (before != nullptr && after != nullptr) change = change_of(*before->package, *after->package, order);
    if (!change) continue;
    Difference::Package package{*change,
                                architectures[known.parts.name] > 1 ? key : known.parts.name,
                                {},
                                {},
                                {},
                                {},
                                size_of(after) - size_of(before)};
    if (before != nullptr) package.from = before->parts.evr;
    if (before != nullptr) package.from_repo = before->package->repo;
    if (after != nullptr) package.to = after->parts.evr;
    if (after != nullptr) package.to_repo = after->package->repo;
    result.push_back(std::move(package));
  }
  return result;
}

// Those of `list` that are not in `other`, sorted.
std::vector<std::string> without(std::vector<std::string> list, std::vector<std::string> other) {
  std::sort(list.begin(), list.end());
  std::sort(other.begin(), other.end());
  std::vector<std::string> result;
  std::set_difference(list.begin(), list.end(), other.begin(), other.end(), std::back_inserter(result));
  return result;
}

std::vector<Difference::Image> compare_images(const Lock& from, const Lock& to) {
  std::vector<Difference::Image> result;
  for (const auto& image : to.agent_images) {
    const auto* before = find_image(from, image.image);
    if (before != nullptr && before->digest == image.digest) continue;
    result.push_back({image.image, before == nullptr ? "" : before->digest, image.digest});
  }
  for (const auto& image : from.agent_images) {
    if (find_image(to, image.image) == nullptr) result.push_back({image.image, image.digest, ""});
  }
  return result;
}

void compare_ids(const std::string& kind, const std::map<std::string, std::uint32_t>& from,
                 const std::map<std::string, std::uint32_t>& to, std::vector<Difference::Id>& result) {
  const auto number = [](const auto& ids, const std::string& name) {
    const auto found = ids.find(name);
    return found == ids.end() ? std::nullopt : std::optional(found->second);
  };
  auto all = from;
  all.insert(to.begin(), to.end());
  for (const auto& [name, any] : all) {
    const auto before = number(from, name);
    const auto after = number(to, name);
    if (before != after) result.push_back({kind, name, before, after});
  }
}

Difference::Total total_of(const Lock& lock) {
  Difference::Total total{lock.packages.size(), 0};
  for (const auto& package : lock.packages) total.size_bytes += package.size_bytes;
  return total;
}

}  // namespace

bool Difference::empty() const {
  return !base && packages.empty() && taken_out.empty() && left_in.empty() && agent_images.empty() && ids.empty();
}

Difference difference(const Lock& from, const Lock& to, const VersionOrder& order) {
  Difference result;
  const bool same_base =
      from.base.ref == to.base.ref && from.base.commit == to.base.commit && from.base.version == to.base.version;
  if (!same_base) result.base = {from.base, to.base};
  result.packages = compare_packages(by_name(from), by_name(to), order);
  result.taken_out = without(to.removed_packages, from.removed_packages);
  result.left_in = without(from.removed_packages, to.removed_packages);
  result.agent_images = compare_images(from, to);
  compare_ids("user", from.ids.users, to.ids.users, result.ids);
  compare_ids("group", from.ids.groups, to.ids.groups, result.ids);
  result.from = total_of(from);
  result.to = total_of(to);
  return result;
}

}  // namespace compose::lock
