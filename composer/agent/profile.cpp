#include "agent/profile.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "agent/checks.hpp"
#include "agent/render.hpp"
#include "agent/template.hpp"
#include "recipe/checks.hpp"
#include "recipe/document.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::agent {
namespace {

using recipe::Table;

constexpr std::uint64_t kTemplateLimitBytes = 1U << 20U;

std::uint32_t read_mode(Table& table, std::uint32_t fallback) {
  const auto text = table.string("mode", problem_with_mode);
  return text ? mode_of(*text) : fallback;
}

Problem problem_with_image_reference(std::string_view value) {
  recipe::ImagePath ignored;
  return recipe::problem_with_image(value, ignored);
}

Problem problem_with_image_name(std::string_view value) {
  const auto colon = value.rfind(':');
  if (colon != std::string_view::npos && value.find('/', colon) == std::string_view::npos) {
    return problem_with_image_reference("docker://" + std::string(value));
  }
  return fmt::format("{} has no tag: write NAME:TAG", recipe::quoted(value));
}

Problem problem_with_runtime(std::string_view value) {
  if (value == "docker") return std::nullopt;
  return fmt::format("{} is not a runtime that can be used: write \"docker\"", recipe::quoted(value));
}

std::map<std::string, std::string> read_variables(Table table) {
  std::map<std::string, std::string> variables;
  for (const std::string& name : table.keys()) {
    const auto check = [&](std::string_view value) -> Problem {
      if (const auto problem = recipe::problem_with_variable(name, value)) return problem;
      return problem_with_argument(value);
    };
    if (const auto value = table.string(name, check)) variables[name] = *value;
  }
  return variables;
}

void read_agent(Table table, Profile& profile) {
  profile.name = table.required_string("name", "a word that files are named by", problem_with_word);
  profile.summary = table.required_string("summary", "what the agent is, for people", problem_with_text);
  table.finish();
}

void read_image(Table table, Profile& profile) {
  profile.image = table.required_string("default", "where the image is from, unless the recipe says otherwise",
                                        problem_with_image_reference);
  profile.image_name = table.required_string("name", "what the image is called in the host", problem_with_image_name);
  profile.image_archive = table.required_string("archive", "where the image's archive goes", problem_with_shipped_path);
  profile.image_id_file = table.required_string("id_file", "where the image's id goes", problem_with_shipped_path);
  table.finish();
}

void read_container(Table table, Profile& profile) {
  profile.container = table.required_string("name", "the container's name", problem_with_word);
  profile.runtime = table.required_string("runtime", "what runs the container", problem_with_runtime);
  profile.arguments = table.strings("arguments", problem_with_argument);
  if (const auto environment = table.table("environment")) profile.container_environment = read_variables(*environment);
  table.finish();
}

void read_config(Table table, Profile& profile) {
  profile.config_path = table.required_string("path", "the agent's configuration file", problem_with_shipped_path);
  profile.config_mode = read_mode(table, 0644);
  const auto check_key = [](std::string_view value) { return recipe::problem_with_variable(value, ""); };
  profile.cluster_key = table.required_string("cluster_key", "the variable that names the cluster", check_key);
  profile.default_cluster =
      table.required_string("cluster", "the cluster, unless the recipe names one", recipe::problem_with_cluster);
  table.finish();
}

Directory read_directory(Table table) {
  Directory directory;
  directory.path = table.required_string("path", "the directory", problem_with_directory_path);
  directory.mode = read_mode(table, directory.mode);
  directory.owner = table.string("owner", problem_with_word).value_or(directory.owner);
  directory.group = table.string("group", problem_with_word).value_or(directory.group);
  if (directory.path.starts_with("/etc/") && (directory.owner != "root" || directory.group != "root")) {
    table.error("path", "a directory of /etc belongs to root:root");
  }
  table.finish();
  return directory;
}

TemplateFile read_file_entry(Table table, const fs::path& folder) {
  TemplateFile file;
  file.path = table.required_string("path", "where the file goes", problem_with_shipped_path);
  file.mode = read_mode(table, file.mode);
  const std::string name =
      table.required_string("template", "the file's text, in the profile's folder", problem_with_file_name);
  file.source = folder / name;
  table.finish();
  if (name.empty() || problem_with_file_name(name)) return file;
  if (!fs::is_regular_file(file.source)) {
    table.error("template", fmt::format("there is no file {}", recipe::quoted(file.source.string())));
    return file;
  }
  file.text = read_file(file.source, kTemplateLimitBytes);
  return file;
}

Symlink read_symlink(Table table) {
  Symlink link;
  link.path = table.required_string("path", "where the link goes", problem_with_shipped_path);
  link.target = table.required_string("target", "where it leads", problem_with_shipped_path);
  table.finish();
  return link;
}

Requirement read_requirement(Table table) {
  Requirement requirement;
  requirement.path = table.required_string("path", "what has to be in the tree already", problem_with_shipped_path);
  requirement.reason = table.required_string("reason", "why, and what brings it");
  table.finish();
  return requirement;
}

template <typename Item, typename Read>
std::vector<Item> read_all(Table& root, const std::string& key, Read&& read) {
  std::vector<Item> items;
  for (const Table& table : root.tables(key)) items.push_back(read(table));
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.path < b.path; });
  return items;
}

template <typename Read>
void read_section(Table& root, const std::string& key, std::string_view meaning, Profile& profile, Read&& read) {
  if (const auto table = root.required_table(key, meaning)) read(*table, profile);
}

Profile read_profile(Table root, const fs::path& folder) {
  Profile profile;
  read_section(root, "agent", "what the agent is", profile, read_agent);
  read_section(root, "image", "its container image", profile, read_image);
  read_section(root, "container", "how the image is run", profile, read_container);
  read_section(root, "config", "its configuration file", profile, read_config);
  profile.directories = read_all<Directory>(root, "directory", read_directory);
  profile.files =
      read_all<TemplateFile>(root, "file", [&](const Table& table) { return read_file_entry(table, folder); });
  profile.symlinks = read_all<Symlink>(root, "symlink", read_symlink);
  profile.requirements = read_all<Requirement>(root, "require", read_requirement);
  root.finish();
  return profile;
}

// Nothing may be written twice, and templates must be complete: better said now than after an image was fetched.
void check_rendered(const Profile& profile, const fs::path& file) {
  std::set<std::string> paths = {"/usr/lib/tmpfiles.d/" + profile.name + ".conf"};
  const auto add = [&](const std::string& path) {
    if (paths.insert(path).second) return;
    throw Error(ErrorKind::input, fmt::format("{}: '{}' is written twice", file.string(), path));
  };
  for (const std::string& path : {profile.image_archive, profile.image_id_file, profile.config_path}) add(path);
  for (const TemplateFile& entry : profile.files) add(entry.path);
  for (const Symlink& link : profile.symlinks) add(link.path);
  for (const Directory& directory : profile.directories) add(directory.path);
  const auto values = template_values(profile, "");
  for (const TemplateFile& entry : profile.files) substitute(entry.text, values, entry.source);
}

}  // namespace

Profile load_profile(const fs::path& folder) {
  const fs::path file = folder / "agent.toml";
  recipe::Diagnostics diagnostics;
  recipe::Document document = recipe::Document::load(file, diagnostics);
  diagnostics.throw_if_any();
  Profile profile = read_profile(document.root(), folder);
  diagnostics.throw_if_any("agent-layer/README.md explains every key");
  check_rendered(profile, file);
  return profile;
}

}  // namespace compose::agent
