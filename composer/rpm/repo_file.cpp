#include "rpm/repo_file.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rpm/repo_section.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

// dnf's own configuration, which may stand in any of its files.
constexpr std::string_view kMain = "main";

void refuse_unavailable(RepoSection& section) {
  for (const char* key :
       {"username", "password", "proxy_username", "proxy_password", "sslclientcert", "sslclientkey"}) {
    if (section.has(key)) section.problem(key, "repositories that ask who one is are not available");
  }
  for (const char* key : {"proxy", "sslcacert"}) {
    if (section.has(key)) section.problem(key, "not available: it is set for all of this machine");
  }
}

RepoConfig read_section(RepoSection& section, const std::string& id) {
  RepoConfig repo;
  repo.id = id;
  repo.name = section.has("name") ? section.text("name") : id;
  repo.base_urls = section.urls("baseurl");
  repo.metalink = section.url("metalink");
  repo.mirrorlist = section.url("mirrorlist");
  repo.gpg_keys = section.urls_or_paths("gpgkey");
  repo.gpg_check = section.boolean("gpgcheck", repo.gpg_check);
  repo.repo_gpg_check = section.boolean("repo_gpgcheck", repo.repo_gpg_check);
  repo.priority = section.number("priority", repo.priority);
  repo.cost = section.number("cost", repo.cost);
  repo.exclude = section.list("excludepkgs");
  for (std::string& glob : section.list("exclude")) repo.exclude.push_back(std::move(glob));
  repo.include_only = section.list("includepkgs");
  refuse_unavailable(section);
  if (!section.has("baseurl") && !section.has("metalink") && !section.has("mirrorlist")) {
    section.problem("does not say where it is: baseurl, metalink or mirrorlist");
  }
  return repo;
}

// "FILE:LINE: …", a line each, from top to bottom.
std::string in_order(std::vector<IniProblem> problems, const fs::path& file) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const IniProblem& a, const IniProblem& b) { return a.line < b.line; });
  std::string text;
  for (const IniProblem& problem : problems) {
    text += fmt::format("{}{}:{}: {}", text.empty() ? "" : "\n", file.string(), problem.line, problem.message);
  }
  return text;
}

}  // namespace

std::vector<RepoConfig> parse_repo_file(std::string_view text, const fs::path& file, const Variables& variables) {
  std::vector<IniProblem> problems;
  std::vector<RepoConfig> repos;
  for (const IniSection& ini : parse_ini(text, problems)) {
    RepoSection section(ini, file, variables, problems);
    if (ini.name.empty() || ini.name == kMain || !section.boolean("enabled", true)) continue;
    repos.push_back(read_section(section, ini.name));
    repos.back().place = fmt::format("{}:{}", file.string(), ini.line);
  }
  if (!problems.empty()) throw Error(ErrorKind::input, in_order(problems, file));
  return repos;
}

}  // namespace compose::rpm
