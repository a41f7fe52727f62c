#include "layers/packages/sources.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "layers/repositories.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace compose::layers {

const char* const local_repo = "local";

namespace {

const rpm::RepoConfig* find_repo(const std::vector<rpm::RepoConfig>& repos, const std::string& id) {
  const auto found = std::find_if(repos.begin(), repos.end(), [&](const auto& repo) { return repo.id == id; });
  return found == repos.end() ? nullptr : &*found;
}

// VERSION_ID of os-release(5); quotes may be of either kind.
std::string version_id(const std::string& os_release) {
  const std::string key = "\nVERSION_ID=";
  const std::string text = "\n" + os_release;
  const auto begin = text.find(key);
  if (begin == std::string::npos) return {};
  std::string value = text.substr(begin + key.size(), text.find('\n', begin + 1) - begin - key.size());
  std::erase_if(value, [](char c) { return c == '"' || c == '\''; });
  return value;
}

// The file that a locked local package is now: the lock names it as the recipe does.
fs::path local_file(const recipe::Packages& packages, const lock::Lock::Package& locked) {
  for (std::size_t i = 0; i < packages.local.size(); ++i)
    if (packages.local_as_written[i] == locked.location) return packages.local[i];
  throw Error(ErrorKind::input,
              fmt::format("the lock pins the package file '{}', which the recipe does not have", locked.location),
              "run 'atomic-compose resolve --update' to renew the lock");
}

rpm::PackageSource source_of(const recipe::Packages& packages, const lock::Lock::Package& locked,
                             const std::vector<rpm::RepoConfig>& repos) {
  rpm::PackageSource source{locked.nevra, locked.location, locked.size_bytes, locked.sha256, nullptr};
  if (locked.repo == local_repo) {
    source.location = local_file(packages, locked).string();
    return source;
  }
  source.repo = find_repo(repos, locked.repo);
  if (source.repo != nullptr) return source;
  throw Error(ErrorKind::input,
              fmt::format("the lock pins {} from the repository '{}', which no .repo file of the recipe has enabled",
                          locked.nevra, locked.repo),
              "run 'atomic-compose resolve --update' to renew the lock");
}

std::string describe_key(const std::string& key) {
  const std::string path = key.starts_with("file://") ? key.substr(7) : key;
  return path.starts_with("/") && fs::is_regular_file(path) ? "key " + sha256_of_file(path) + "\n"
                                                            : "key " + key + "\n";
}

std::string release_version(const recipe::Packages& packages, const ostree::Tree& base) {
  if (packages.releasever) return *packages.releasever;
  return base.lookup("/usr/lib/os-release") ? version_id(base.read("/usr/lib/os-release")) : "";
}

// Who has to have signed the package; nobody where the recipe takes it unsigned.
rpm::Trust trust_of(const recipe::Packages& packages, const rpm::PackageSource& source) {
  if (source.repo != nullptr) return {source.repo->gpg_check, source.repo->gpg_keys};
  const auto& ids = packages.unsigned_repos;
  return {std::find(ids.begin(), ids.end(), local_repo) == ids.end(), packages.local_keys};
}

}  // namespace

std::vector<rpm::RepoConfig> repositories_for(const recipe::Packages& packages, const ostree::Tree& base) {
  const std::string version = release_version(packages, base);
  rpm::Variables variables = repo_variables(version);
  if (version.empty()) variables.erase("releasever");
  return read_repositories(packages, variables);
}

std::vector<fs::path> fetch_locked(Context& context, const recipe::Packages& packages,
                                   const std::vector<lock::Lock::Package>& locked,
                                   const std::vector<rpm::RepoConfig>& repos) {
  std::vector<rpm::PackageSource> sources;
  for (const auto& package : locked) sources.push_back(source_of(packages, package, repos));
  const auto files = rpm::fetch_packages(sources, context.cache, context.events);
  std::map<std::string, std::vector<fs::path>> keys;
  for (std::size_t i = 0; i < locked.size(); ++i) {
    const rpm::Trust trust = trust_of(packages, sources[i]);
    std::vector<fs::path>& trusted = keys[locked[i].repo];
    if (trust.checked && trusted.empty()) trusted = rpm::fetch_keys(trust, context.cache);
    with_context(fmt::format("checking {} of the repository '{}'", locked[i].nevra, locked[i].repo), [&] {
      if (trust.checked) return rpm::verify_package(files[i], trusted);
      return rpm::verify_digests(files[i]);
    });
  }
  return files;
}

std::string describe_trust(const recipe::Packages& packages) {
  std::string text;
  for (const auto& id : packages.unsigned_repos) text += "unsigned " + id + "\n";
  for (const auto& key : packages.local_keys) text += "local " + describe_key(key);
  for (const auto& repo : read_repositories(packages, repo_variables(packages.releasever.value_or("$releasever")))) {
    text += fmt::format("repo {} {}\n", repo.id, repo.gpg_check ? "signed" : "unsigned");
    for (const auto& key : repo.gpg_keys) text += describe_key(key);
  }
  return text;
}

}  // namespace compose::layers
