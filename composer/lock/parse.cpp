// A lock's text to values. Strict: a lock that was edited into something else is no lock.

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "lock/lock.hpp"
#include "lock/nevra_parts.hpp"
#include "recipe/checks.hpp"
#include "recipe/document.hpp"
#include "support/digest.hpp"

namespace compose::lock {
namespace {

using recipe::Diagnostics;
using recipe::Document;
using recipe::Problem;
using recipe::quoted;
using recipe::Table;

constexpr std::string_view kHint = "write the lock anew with `atomic-compose resolve RECIPE --update`";

constexpr std::int64_t kHighestId = 60000;  // above are people and nobody (login.defs(5), systemd's UIDS-GIDS.md)

Problem problem_with_commit(std::string_view value) {
  if (is_sha256_hex(value)) return std::nullopt;
  return fmt::format("{} is not a commit: expected 64 lower-case hexadecimal characters", quoted(value));
}

Problem problem_with_digest(std::string_view value) {
  constexpr std::string_view prefix = "sha256:";
  if (value.substr(0, prefix.size()) == prefix && is_sha256_hex(value.substr(prefix.size()))) return std::nullopt;
  return fmt::format("{} is not a digest: expected \"sha256:\" and 64 lower-case hexadecimal characters",
                     quoted(value));
}

Lock::Base read_base(Table table) {
  Lock::Base base;
  base.ref = table.required_string("ref", "the base's OSTree ref");
  base.commit = table.required_string("commit", "the base's commit", problem_with_commit);
  base.version = table.string("version").value_or("");
  table.finish();
  return base;
}

Lock::AgentImage read_agent_image(Table table) {
  Lock::AgentImage image;
  image.image = table.required_string("image", "the image as the recipe or the profile names it");
  image.digest = table.required_string("digest", "the image's digest", problem_with_digest);
  table.finish();
  return image;
}

Problem problem_with_nevra(std::string_view value) {
  if (nevra_parts(value)) return std::nullopt;
  return fmt::format("{} is not a package: expected NAME-VERSION-RELEASE.ARCH", quoted(value));
}

Problem problem_with_sha256(std::string_view value) {
  if (is_sha256_hex(value)) return std::nullopt;
  return fmt::format("{} is not a SHA-256 digest: expected 64 lower-case hexadecimal characters", quoted(value));
}

// A file of the recipe's own may be anywhere; what a repository has is below it.
Problem problem_with_location(const Lock::Package& package) {
  const fs::path path(package.location);
  if (recipe::has_control_characters(package.location)) return "the location has a control character";
  if (package.repo == "local") return std::nullopt;
  const bool escapes = path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
  if (!escapes) return std::nullopt;
  return fmt::format("{} leads out of the repository {}", quoted(package.location), quoted(package.repo));
}

std::uint64_t read_size(Table& table) {
  const auto size = table.integer("size");
  if (!table.has("size")) table.error_here(fmt::format("missing key 'size' in {}: the file's, in bytes", table.name()));
  if (size && *size <= 0) table.error("size", fmt::format("{} is not a package's size in bytes", *size));
  return static_cast<std::uint64_t>(std::max<std::int64_t>(size.value_or(0), 0));
}

Lock::Package read_package(Table table) {
  Lock::Package package;
  package.nevra = table.required_string("nevra", "NAME-VERSION-RELEASE.ARCH", problem_with_nevra);
  package.repo = table.required_string("repo", "the repository's id, or \"local\"");
  package.location = table.required_string("location", "where the repository has it");
  if (const Problem problem = problem_with_location(package)) table.error("location", *problem);
  package.size_bytes = read_size(table);
  package.sha256 = table.required_string("sha256", "the file's digest", problem_with_sha256);
  table.finish();
  return package;
}

std::vector<Lock::Package> read_packages(const std::vector<Table>& tables) {
  std::vector<Lock::Package> packages;
  std::set<std::string> seen;
  for (Table table : tables) {
    packages.push_back(read_package(table));
    const auto parts = nevra_parts(packages.back().nevra);
    if (parts && !seen.insert(parts->name_arch()).second) {
      table.error("nevra", fmt::format("the package {} is there twice", quoted(parts->name_arch())));
    }
  }
  std::sort(packages.begin(), packages.end(), [](const auto& a, const auto& b) { return a.nevra < b.nevra; });
  return packages;
}

std::vector<std::string> read_removed(Table table) {
  std::set<std::string> seen;
  table.strings("removed", [&seen](std::string_view value) -> Problem {
    if (!seen.emplace(value).second) return fmt::format("{} is there twice", quoted(value));
    return problem_with_nevra(value);
  });
  table.finish();
  return {seen.begin(), seen.end()};
}

// Of users or of groups.
std::map<std::string, std::uint32_t> read_numbers(Table table) {
  std::map<std::string, std::uint32_t> numbers;
  std::map<std::int64_t, std::string> owners;
  for (const std::string& name : table.keys()) {
    const auto number = table.integer(name);
    if (!number) continue;
    const auto [owner, is_free] = owners.emplace(*number, name);
    if (!recipe::consists_of(name, "_.-")) {
      table.error(name, fmt::format("{} is not a name: use letters, digits, '_', '.' and '-'", quoted(name)));
    } else if (*number < 1 || *number > kHighestId) {
      table.error(name, fmt::format("{} is not between 1 and {}", *number, kHighestId));
    } else if (!is_free) {
      table.error(name, fmt::format("{} is the number of {} already", *number, quoted(owner->second)));
    } else {
      numbers[name] = static_cast<std::uint32_t>(*number);
    }
  }
  return numbers;
}

Lock::Ids read_ids(Table table) {
  Lock::Ids ids;
  if (const auto users = table.table("users")) ids.users = read_numbers(*users);
  if (const auto groups = table.table("groups")) ids.groups = read_numbers(*groups);
  table.finish();
  return ids;
}

}  // namespace

Lock parse(std::string_view text, const fs::path& file) {
  Diagnostics diagnostics;
  Document document = Document::parse(text, file, diagnostics);
  diagnostics.throw_if_any(std::string(kHint));
  Lock lock;
  Table root = document.root();
  if (const auto base = root.required_table("base", "the base's pinned commit")) lock.base = read_base(*base);
  for (const Table& image : root.one_or_more("agent-image")) lock.agent_images.push_back(read_agent_image(image));
  if (const auto packages = root.table("packages")) lock.removed_packages = read_removed(*packages);
  if (const auto ids = root.table("ids")) lock.ids = read_ids(*ids);
  lock.packages = read_packages(root.tables("package"));
  root.finish();
  diagnostics.throw_if_any(std::string(kHint));
  return lock;
}

}  // namespace compose::lock
