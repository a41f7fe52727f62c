#include "recipe/package_checks.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <boost/algorithm/string/split.hpp>

#include "recipe/diagnostics.hpp"
#include "recipe/nearest.hpp"

namespace compose::recipe {
namespace {

// As packages call them: rpm's words for scripts (rpm-spec(7)) and for the four kinds of triggers.
const std::vector<std::string> kScriptKinds = {"pre",
                                               "post",
                                               "preun",
                                               "postun",
                                               "pretrans",
                                               "posttrans",
                                               "triggerin",
                                               "triggerun",
                                               "triggerpostun",
                                               "triggerprein",
                                               "filetriggerin",
                                               "filetriggerun",
                                               "filetriggerpostun",
                                               "transfiletriggerin",
                                               "transfiletriggerun",
                                               "transfiletriggerpostun",
                                               "*"};

constexpr std::string_view kWordPunctuation = "._+-~^:()";
constexpr std::string_view kGlobPunctuation = "._+-~^:()*?[]!";

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  boost::algorithm::split(words, text, [](char c) { return c == ' '; });
  return words;
}

// NAME, or NAME OPERATOR VERSION.
bool is_name_or_comparison(std::string_view value, std::string_view operators) {
  const std::vector<std::string> words = words_of(value);
  if (words.size() == 1) return consists_of(words[0], kGlobPunctuation);
  if (words.size() != 3) return false;
  const std::vector<std::string> known = words_of(operators);
  return consists_of(words[0], kWordPunctuation) && consists_of(words[2], kWordPunctuation) &&
         std::find(known.begin(), known.end(), words[1]) != known.end();
}

bool is_absolute_path(std::string_view value) {
  return value.starts_with('/') && value.find(' ') == std::string_view::npos && !has_control_characters(value);
}

// What people write for something that there is under another form.
Problem problem_with_other_form(std::string_view value) {
  const std::string shown = quoted(value);
  if (value.find("://") != std::string_view::npos) {
    return fmt::format("{} is a URL: name a package of a repository, or fetch the file and name that", shown);
  }
  if (value.starts_with('@')) {
    return fmt::format("{} is a group: groups of packages are not available, name the packages", shown);
  }
  if (value.starts_with('/')) return std::nullopt;
  if (value.ends_with(".rpm")) return fmt::format("{} looks like a file: write \"./{}\" for one", shown, value);
  if (value.find('/') == std::string_view::npos) return std::nullopt;
  return fmt::format(
      "{} is neither a package nor a file: a package's file ends in .rpm, and a path that a package has begins with "
      "'/'",
      shown);
}

}  // namespace

bool is_package_file(std::string_view value) {
  return value.ends_with(".rpm") && value.find('/') != std::string_view::npos &&
         value.find("://") == std::string_view::npos;
}

Problem problem_with_install(std::string_view value) {
  if (is_package_file(value)) {
    if (has_control_characters(value)) return fmt::format("{} has a control character", quoted(value));
    return std::nullopt;
  }
  if (Problem problem = problem_with_other_form(value)) return problem;
  if (is_absolute_path(value) || is_name_or_comparison(value, "= < <= > >=")) return std::nullopt;
  return fmt::format(
      "{} is not a package: write a name, a glob, NAME-VERSION-RELEASE.ARCH, \"NAME >= VERSION\" with its spaces, a "
      "path "
      "such as \"/usr/bin/x\", or a file such as \"./x.rpm\"",
      quoted(value));
}

Problem problem_with_base_package(std::string_view value) {
  if (consists_of(value, kGlobPunctuation)) return std::nullopt;
  return fmt::format("{} is not a package: write a name, a glob, or NAME-VERSION-RELEASE.ARCH", quoted(value));
}

Problem problem_with_repo_id(std::string_view value) {
  if (consists_of(value, "._:-")) return std::nullopt;
  return fmt::format(
      "{} is not a repository's id: write the NAME of its [NAME] in the .repo file, or \"local\" for the files in "
      "install",
      quoted(value));
}

Problem problem_with_script(std::string_view value) {
  const auto dot = value.rfind('.');
  const std::string kind(dot == std::string_view::npos ? "" : value.substr(dot + 1));
  const bool known = std::find(kScriptKinds.begin(), kScriptKinds.end(), kind) != kScriptKinds.end();
  if (known && consists_of(value.substr(0, dot), kWordPunctuation)) return std::nullopt;
  const auto meant = kind.empty() ? std::nullopt : nearest(kind, kScriptKinds);
  return fmt::format("{} is not a package's script: write \"NAME.post\", or \"NAME.*\" for all of them;{} kinds: {}",
                     quoted(value), meant && !known ? fmt::format(" did you mean '{}'?", *meant) : "",
                     fmt::join(kScriptKinds, ", "));
}

Problem problem_with_provides(std::string_view value) {
  if (is_absolute_path(value) || is_name_or_comparison(value, "=")) return std::nullopt;
  return fmt::format(
      "{} is nothing that a base can offer: write a name, \"NAME = VERSION\", or a path such as \"/bin/sh\"",
      quoted(value));
}

Problem problem_with_releasever(std::string_view value) {
  if (consists_of(value, "._-")) return std::nullopt;
  return fmt::format("{} is not a release such as \"42\": use letters, digits, '.', '_' and '-'", quoted(value));
}

}  // namespace compose::recipe
