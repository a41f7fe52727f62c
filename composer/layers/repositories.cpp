#include "layers/repositories.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/filesystem/operations.hpp>

#include "recipe/diagnostics.hpp"
#include "recipe/nearest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::layers {
namespace {

constexpr std::uint64_t kLargestRepoFile = 1U << 20U;

// What `unsigned` calls the recipe's own package files.
const std::string kLocal = "local";

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// For messages: as short as a recipe's own path would be written here.
fs::path shown(const fs::path& file) {
  const fs::path relative = file.lexically_relative(fs::current_path());
  return relative.empty() || *relative.begin() == ".." ? file : relative;
}

class Repositories {
 public:
  Repositories(const recipe::Packages& packages, const rpm::Variables& variables)
      : packages_(packages), variables_(variables) {}

  std::vector<rpm::RepoConfig> read() {
    for (const fs::path& file : packages_.repos) read_file_of(shown(file));
    for (const std::string& id : packages_.unsigned_repos) check_unsigned(id);
    if (!problems_.empty()) throw Error(ErrorKind::input, boost::algorithm::join(problems_, "\n"));
    return std::move(repos_);
  }

 private:
  void read_file_of(const fs::path& file) {
    try {
      for (auto& repo : rpm::parse_repo_file(read_file(file, kLargestRepoFile), file, variables_)) add(std::move(repo));
    } catch (const Error& error) {
      problems_.emplace_back(error.what());
      unread_ = true;
    }
  }

  void add(rpm::RepoConfig repo) {
    for (const auto& other : repos_) {
      if (other.id == repo.id) problem(repo, fmt::format("is there already: {}", other.place));
    }
    if (repo.id == kLocal) problem(repo, "is what the recipe's own package files are called: take another id");
    if (contains(packages_.unsigned_repos, repo.id)) {
      repo.gpg_check = false;
    } else if (!repo.gpg_check) {
      problem(repo, fmt::format("has gpgcheck=0: write gpgcheck=1 and a gpgkey, or unsigned = [\"{}\"] in the recipe's "
                                "[packages] to take its packages without a signature",
                                repo.id));
    } else if (repo.gpg_keys.empty()) {
      problem(repo,
              fmt::format("has no gpgkey to verify its packages with: add it, or write unsigned = [\"{}\"] in the "
                          "recipe's [packages] to take them without a signature",
                          repo.id));
    }
    repos_.push_back(std::move(repo));
  }

  // A repository in a file that could not be read may well be there.
  void check_unsigned(const std::string& id) {
    std::vector<std::string> ids;
    for (const auto& repo : repos_) ids.push_back(repo.id);
    if (unread_ || id == kLocal || contains(ids, id)) return;
    const auto meant = recipe::nearest(id, ids);
    problems_.push_back(fmt::format("[packages] unsigned: no enabled repository is called {}{}", recipe::quoted(id),
                                    meant ? fmt::format("; did you mean '{}'?", *meant) : ""));
  }

  void problem(const rpm::RepoConfig& repo, const std::string& message) {
    problems_.push_back(fmt::format("{}: [{}] {}", repo.place, repo.id, message));
  }

  const recipe::Packages& packages_;
  const rpm::Variables& variables_;
  std::vector<rpm::RepoConfig> repos_;
  std::vector<std::string> problems_;
  bool unread_ = false;
};

}  // namespace

rpm::Variables repo_variables(const std::string& releasever) {
  return {{"releasever", releasever}, {"basearch", "x86_64"}, {"arch", "x86_64"}};
}

std::vector<rpm::RepoConfig> read_repositories(const recipe::Packages& packages, const rpm::Variables& variables) {
  return Repositories(packages, variables).read();
}

}  // namespace compose::layers
