#pragma once
// One section of a .repo file, its values read by name and kind.

#include <optional>
#include <string>
#include <vector>

#include "rpm/ini.hpp"
#include "rpm/repo_file.hpp"

namespace compose::rpm {

// What is wrong goes to `problems`; what is returned counts only when there is nothing. What it is made with must
// outlive it.
class RepoSection {
 public:
  RepoSection(const IniSection& section, const fs::path& file, const Variables& variables,
              std::vector<IniProblem>& problems)
      : section_(section), file_(file), variables_(variables), problems_(problems) {}

  bool has(const std::string& key) const;
  bool boolean(const std::string& key, bool fallback);
  int number(const std::string& key, int fallback);
  // For people: variables that are not known stay as they are.
  std::string text(const std::string& key);
  // What stands between spaces, commas and ends of lines.
  std::vector<std::string> list(const std::string& key);
  // URLs; a path counts from the file's folder and becomes a URL.
  std::vector<std::string> urls(const std::string& key);
  std::string url(const std::string& key);
  // The same, but a path becomes an absolute path.
  std::vector<std::string> urls_or_paths(const std::string& key);

  void problem(const std::string& message);  // with the section as such
  void problem(const std::string& key, const std::string& message);

 private:
  enum class Unknown { keep, report };
  std::string value(const std::string& key) const;
  std::string expand(const std::string& key, std::string_view text, Unknown unknown);
  std::optional<std::string> problem_with_url(std::string_view url) const;
  fs::path absolute(const std::string& path) const;

  const IniSection& section_;
  const fs::path& file_;
  const Variables& variables_;
  std::vector<IniProblem>& problems_;
};

}  // namespace compose::rpm
