#include "rpm/download.hpp"

#include <map>

#include <fcntl.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "rpm/transfer.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::rpm {
namespace {

void check(const PackageSource& package) {
  if (!is_sha256_hex(package.sha256))
    throw Error(ErrorKind::input, fmt::format("package {}: '{}' is not a sha256", package.nevra, package.sha256));
  if (package.size_bytes == 0) throw Error(ErrorKind::input, fmt::format("package {} has no size", package.nevra));
  if (package.repo != nullptr)
    with_context(fmt::format("looking for package {}", package.nevra), [&] { check_location(package.location); });
}

bool holds(const fs::path& file, const PackageSource& package) {
  boost::system::error_code absent;
  return fs::file_size(file, absent) == package.size_bytes && !absent && sha256_of_file(file) == package.sha256;
}

void copy_in(const PackageSource& package, const fs::path& target) {
  if (!holds(package.location, package)) {
    throw Error(ErrorKind::mismatch,
                fmt::format("'{}' is not what the lock says of {}", package.location, package.nevra),
                "if it changed on purpose: `atomic-compose resolve --update`");
  }
  const fs::path partial = target.parent_path() / ("." + target.filename().string() + ".partial");
  fs::copy_file(package.location, partial, fs::copy_options::overwrite_existing);
  if (!holds(partial, package))
    throw Error(ErrorKind::mismatch, fmt::format("'{}' changed while it was copied", package.location));
  fs::rename(partial, target);
}

// Packages that the cache lacks, each once however often it is asked for.
class Missing {
 public:
  explicit Missing(const fs::path& folder) : folder_(folder) {}

  void add(const PackageSource& package) {
    const auto [target, added] = targets_.emplace(package.sha256, folder_ / (package.sha256 + ".rpm"));
    if (!added || holds(target->second, package)) return;
    fs::remove(target->second);  // damaged
    if (package.repo == nullptr) {
      copy_in(package, target->second);
      return;
    }
    MirrorSet& mirrors = mirrors_[package.repo];
    if (!mirrors) mirrors = open_mirrors(*package.repo);
    packages_.push_back(&package);
    transfers_.push_back({mirrors.get(), package.location, folder_ / fmt::format(".{}.partial", package.sha256),
                          LR_CHECKSUM_SHA256, package.sha256, package.size_bytes});
    total_bytes_ += package.size_bytes;
  }

  void fetch(Stage& stage) {
    transfer(transfers_, [&](std::uint64_t done) { stage.progress(done, total_bytes_); });
    for (std::size_t i = 0; i < transfers_.size(); ++i) take(*packages_[i], transfers_[i].partial);
    stage.finish(transfers_.empty() ? "nothing to fetch"
                                    : fmt::format("{} packages, {} MiB", transfers_.size(), total_bytes_ >> 20U));
  }

  fs::path target(const std::string& sha256) const { return targets_.at(sha256); }

 private:
  void take(const PackageSource& package, const fs::path& partial) {
    if (!holds(partial, package)) {
      fs::remove(partial);
      throw Error(ErrorKind::mismatch,
                  fmt::format("package {} is not what the lock says: other size or sha256", package.nevra));
    }
    fs::rename(partial, targets_.at(package.sha256));
  }

  fs::path folder_;
  std::map<std::string, fs::path> targets_;
  std::map<const RepoConfig*, MirrorSet> mirrors_;
  std::vector<const PackageSource*> packages_;
  std::vector<Transfer> transfers_;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace

std::vector<fs::path> fetch_packages(const std::vector<PackageSource>& packages, const fs::path& cache,
                                     Events& events) {
  Stage stage(events, "fetch", fmt::format("{} packages", packages.size()));
  const fs::path folder = cache / "packages";
  fs::create_directories(folder);
  Missing missing(folder);
  for (const auto& package : packages) check(package);
  for (const auto& package : packages) missing.add(package);
  missing.fetch(stage);
  std::vector<fs::path> files;
  for (const auto& package : packages) {
    files.push_back(missing.target(package.sha256));
    verify_name(files.back(), package.nevra);
  }
  return files;
}

}  // namespace compose::rpm
