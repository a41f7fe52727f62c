#include "agent/render.hpp"

#include <algorithm>

#include <sys/stat.h>

#include <fmt/format.h>

#include "agent/template.hpp"
#include "recipe/checks.hpp"
#include "support/error.hpp"

namespace compose::agent {
namespace {

std::string path_in_tree(const std::string& path) { return path.starts_with("/etc/") ? "/usr" + path : path; }

FileMeta meta_of(std::uint32_t type, std::uint32_t mode) { return {0, 0, type | mode, {}}; }

GeneratedFile file_of(const std::string& path, std::uint32_t mode, std::string content) {
  return {path_in_tree(path), meta_of(S_IFREG, mode), std::move(content), {}};
}

// Each argument on a line of its own, for people who read the unit.
std::string run_arguments(const Profile& profile) {
  std::vector<std::string> arguments = profile.arguments;
  for (const auto& [name, value] : profile.container_environment)
    arguments.push_back(fmt::format("--env={}={}", name, value));
  return fmt::format("  {}", fmt::join(arguments, " \\\n  "));
}

std::string tmpfiles(const Profile& profile) {
  std::string text = fmt::format("# {}: made at boot where missing.\n", profile.summary);
  for (const Directory& directory : profile.directories) {
    if (directory.path.starts_with("/etc/")) continue;
    text += fmt::format("d {} {:04o} {} {} - -\n", directory.path, directory.mode, directory.owner, directory.group);
  }
  return text;
}

void check_variable(const Profile& profile, const std::string& name, const std::string& value) {
  if (const auto problem = recipe::problem_with_variable(name, value)) {
    throw Error(ErrorKind::input, fmt::format("agent '{}': {}", profile.name, *problem));
  }
  if (profile.container_environment.count(name) > 0) {
    throw Error(ErrorKind::input,
                fmt::format("agent '{}': {} is fixed by the profile and cannot be set", profile.name, name));
  }
  if (name == profile.cluster_key) {
    throw Error(ErrorKind::input, fmt::format("agent '{}': {} is the cluster's name", profile.name, name),
                "write it as [agent] cluster");
  }
}

// No '=' in the comment: a reader that knows no comments then sees no variable either.
std::string config(const Profile& profile, const Settings& settings) {
  const std::string cluster = settings.cluster.value_or(profile.default_cluster);
  if (const auto problem = recipe::problem_with_cluster(cluster)) {
    throw Error(ErrorKind::input, fmt::format("agent '{}': {}", profile.name, *problem));
  }
  std::string text = fmt::format("# {}: a line a variable, never quoted; of two the last counts.\n", profile.summary);
  text += fmt::format("{}={}\n", profile.cluster_key, cluster);
  for (const auto& [name, value] : settings.environment) {
    check_variable(profile, name, value);
    text += fmt::format("{}={}\n", name, value);
  }
  return text;
}

}  // namespace

std::map<std::string, std::string> template_values(const Profile& profile, const std::string& image_id) {
  return {{"name", profile.name},
          {"container", profile.container},
          {"runtime", profile.runtime},
          {"run_arguments", run_arguments(profile)},
          {"image_id", image_id},
          {"image_archive", profile.image_archive},
          {"image_id_file", profile.image_id_file},
          {"config", profile.config_path},
          {"cluster_key", profile.cluster_key}};
}

std::vector<GeneratedFile> render(const Profile& profile, const Settings& settings) {
  const auto values = template_values(profile, settings.image_id);
  std::vector<GeneratedFile> all;
  all.push_back(file_of(profile.config_path, profile.config_mode, config(profile, settings)));
  all.push_back(file_of(profile.image_id_file, 0644, settings.image_id + "\n"));
  all.push_back(file_of(fmt::format("/usr/lib/tmpfiles.d/{}.conf", profile.name), 0644, tmpfiles(profile)));
  for (const TemplateFile& file : profile.files) {
    all.push_back(file_of(file.path, file.mode, substitute(file.text, values, file.source)));
  }
  for (const Symlink& link : profile.symlinks) {
    all.push_back({path_in_tree(link.path), meta_of(S_IFLNK, 0777), {}, link.target});
  }
  for (const Directory& directory : profile.directories) {
    if (!directory.path.starts_with("/etc/")) continue;
    all.push_back({path_in_tree(directory.path), meta_of(S_IFDIR, directory.mode), {}, {}});
  }
  std::sort(all.begin(), all.end(), [](const GeneratedFile& a, const GeneratedFile& b) { return a.path < b.path; });
  return all;
}

}  // namespace compose::agent
