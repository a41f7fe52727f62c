#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "recipe/package_checks.hpp"
#include "recipe/sections.hpp"

namespace compose::recipe {
namespace {

template <typename T>
bool contains(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// The strings of an array, of which none may be there twice.
std::vector<std::string> distinct(Table& table, const std::string& key, const Table::Check& check) {
  std::set<std::string, std::less<>> seen;
  return table.strings(key, [&](std::string_view value) -> Problem {
    if (!seen.emplace(value).second) return fmt::format("{} is there twice", quoted(value));
    return check(value);
  });
}

std::vector<Placed> placed(Table& table, const std::string& key, const Table::Check& check) {
  std::vector<Placed> result;
  for (std::string& text : distinct(table, key, check)) {
    result.push_back({std::move(text), table.place_of(key, result.size())});
  }
  return result;
}

Problem problem_with_path(std::string_view value) {
  if (value.empty()) return "'' is not a path";
  if (value.find("://") != std::string_view::npos) {
    return fmt::format("{} is a URL: write the path of a file that is kept with the recipe", quoted(value));
  }
  return std::nullopt;
}

std::vector<fs::path> read_repos(Table& table, const FileAccess& files) {
  std::vector<fs::path> repos;
  std::set<fs::path> seen;
  const std::vector<std::string> values = table.strings("repos", problem_with_path);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (problem_with_path(values[i])) continue;
    const fs::path path = table.resolve("repos", values[i]);
    if (!files.is_file(path)) {
      table.error("repos", i, fmt::format("no such .repo file: looked for {}", quoted(path.string())));
    } else if (!seen.insert(absolute(path, files)).second) {
      table.error("repos", i, fmt::format("{} is there twice", quoted(values[i])));
    }
    repos.push_back(absolute(path, files));
  }
  return repos;
}

std::vector<std::string> read_local_keys(Table& table, const FileAccess& files) {
  std::vector<std::string> keys;
  const std::vector<std::string> values = distinct(table, "local-keys", problem_with_path);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (problem_with_path(values[i])) continue;
    const fs::path path = table.resolve("local-keys", values[i]);
    const bool own = !fs::path(values[i]).is_absolute();  // else the building machine's, looked for when it is needed
    if (const Problem problem = own ? problem_with_gpg_key(path, files) : std::nullopt) {
      table.error("local-keys", i, *problem);
    }
    keys.push_back(absolute(path, files).string());
  }
  return keys;
}

// Adds entry `index` of install, a file, to `packages`.
void read_local(Table& table, std::size_t index, const std::string& value, const FileAccess& files,
                Packages& packages) {
  const fs::path path = table.resolve("install", value);
  const fs::path whole = absolute(path, files);
  if (!files.is_file(path)) {
    table.error("install", index, fmt::format("no such package file: looked for {}", quoted(path.string())));
  } else if (contains(packages.local, whole)) {
    table.error("install", index, fmt::format("{} is there twice, as another path to the same file", quoted(value)));
  }
  packages.local.push_back(whole);
  packages.local_as_written.push_back(value);
}

void read_install(Table& table, const FileAccess& files, Packages& packages) {
  const std::vector<std::string> values = distinct(table, "install", problem_with_install);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_package_file(values[i])) {
      read_local(table, i, values[i], files, packages);
    } else {
      packages.install.push_back({values[i], table.place_of("install", i)});
    }
  }
}

void check_sources(Table& table, const Packages& packages) {
  if ((table.has("repos") && !table.is_empty_array("repos")) || !packages.local.empty()) return;
  for (const char* key : {"install", "replace"}) {
    if (!table.has(key) || table.is_empty_array(key)) continue;
    table.error(key, fmt::format("'{}' names packages, but nothing says where they are: write repos = [\"FILE.repo\"], "
                                 "or name their files in install (\"./NAME.rpm\")",
                                 key));
  }
}

// Who signed the files in install has to be said, or that it does not matter.
void check_signatures(Table& table, const Packages& packages) {
  const bool unsigned_local = contains(packages.unsigned_repos, std::string("local"));
  if (unsigned_local && !packages.local_keys.empty()) {
    table.error("unsigned",
                "with local-keys the files in install need a signature, with \"local\" here they need none: "
                "remove one of the two");
  }
  if (packages.local.empty() || unsigned_local || !packages.local_keys.empty()) return;
  table.error("install", fmt::format("{} comes from no repository, and nothing says who signed it: write local-keys = "
                                     "[\"FILE\"], or unsigned = [\"local\"] to take such files without a signature",
                                     quoted(packages.local_as_written.front())));
}

std::vector<std::string> texts(const std::vector<Placed>& entries) {
  std::vector<std::string> result;
  for (const Placed& entry : entries) result.push_back(entry.text);
  return result;
}

// None of `values`, which are key's, may be one of other's.
void check_apart(Table& table, const std::string& key, const std::vector<std::string>& values, const std::string& other,
                 const std::vector<Placed>& others) {
  const std::vector<std::string> taken = texts(others);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].empty() || !contains(taken, values[i])) continue;
    table.error(key, i, fmt::format("{} is in '{}' too: it can only be one of them", quoted(values[i]), other));
  }
}

}  // namespace

Packages read_packages(Table table, const FileAccess& files) {
  Packages packages;
  packages.repos = read_repos(table, files);
  read_install(table, files, packages);
  packages.local_keys = read_local_keys(table, files);
  packages.remove = placed(table, "remove", problem_with_base_package);
  packages.replace = placed(table, "replace", problem_with_base_package);
  packages.exclude = distinct(table, "exclude", problem_with_base_package);
  packages.unsigned_repos = distinct(table, "unsigned", problem_with_repo_id);
  packages.var_files = distinct(table, "var-files", problem_with_base_package);
  packages.ignored_scripts = distinct(table, "ignore-scripts", problem_with_script);
  packages.assume_provides = distinct(table, "assume-provides", problem_with_provides);
  packages.releasever = table.string("releasever", problem_with_releasever);
  packages.weak = table.boolean("weak-dependencies").value_or(false);
  check_sources(table, packages);
  check_signatures(table, packages);
  check_apart(table, "remove", texts(packages.remove), "install", packages.install);
  check_apart(table, "replace", texts(packages.replace), "remove", packages.remove);
  check_apart(table, "exclude", packages.exclude, "install", packages.install);
  table.finish();
  return packages;
}

}  // namespace compose::recipe
