#include "agent/profile.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "agent/checks.hpp"
#include "agent/profile_items.hpp"
#include "agent/render.hpp"
#include "agent/runtime.hpp"
#include "agent/template.hpp"
#include "recipe/checks.hpp"
#include "recipe/document.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace compose::agent {
namespace {

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
  profile.container_unit = table.string("unit", recipe::problem_with_unit).value_or("");
  profile.runtimes = table.strings("runtimes", recipe::problem_with_runtime);
  if (profile.runtimes.empty()) table.error("runtimes", "'runtimes' must name what the agent can run under");
  profile.arguments = table.strings("arguments", problem_with_argument);
  profile.command = table.strings("command", problem_with_argument);
  if (const auto environment = table.table("environment")) profile.container_environment = read_variables(*environment);
  for (const Runtime& runtime : known_runtimes()) {
    auto own = table.table(runtime.name);
    if (!own) continue;
    profile.arguments_by_runtime[runtime.name] = own->strings("arguments", problem_with_argument);
    own->finish();
  }
  table.finish();
}

Package read_package(Table table) {
  Package package;
  package.install = table.strings("install", recipe::problem_with_package_name);
  if (package.install.empty()) table.error("install", "'install' must name the packages that the agent consists of");
  package.unit = table.required_string("unit", "the package's unit that runs the agent", recipe::problem_with_unit);
  package.runtimes = table.strings("runtimes", recipe::problem_with_runtime);
  package.image = table.string("image", problem_with_image_name).value_or("");
  table.finish();
  return package;
}

void read_config(Table table, Profile& profile) {
  profile.config_path = table.required_string("path", "the agent's configuration file", problem_with_shipped_path);
  profile.config_mode = read_mode(table, 0644);
  const auto check_key = [](std::string_view value) { return recipe::problem_with_variable(value, ""); };
  profile.cluster_key = table.string("cluster_key", check_key).value_or("");
  profile.default_cluster = table.string("cluster", recipe::problem_with_cluster).value_or("");
  if (profile.cluster_key.empty() != profile.default_cluster.empty()) {
    table.error_here(
        "'cluster_key' and 'cluster' belong together: the variable, and its value unless a recipe has one");
  }
  table.finish();
}

Promise read_promise(Table table) {
  Promise promise;
  const auto protocol = table.string("registers", [](std::string_view value) -> Problem {
    if (value == "ecs") return std::nullopt;
    return fmt::format("{} is no protocol that the boot test's control plane speaks: write \"ecs\", or leave it out",
                       recipe::quoted(value));
  });
  promise.registers_with_ecs = protocol.has_value();
  promise.metadata_option = table.string("metadata_option", problem_with_word).value_or("");
  table.finish();
  return promise;
}

Effect read_effect(Table& option, const std::string& key) {
  Effect effect;
  auto table = option.table(key);
  if (!table) return effect;
  effect.arguments = table->strings("arguments", problem_with_argument);
  if (const auto settings = table->table("settings")) effect.settings = read_variables(*settings);
  table->finish();
  return effect;
}

std::vector<Option> read_options(Table table) {
  std::vector<Option> options;
  for (const std::string& name : table.keys()) {
    if (const auto problem = problem_with_word(name)) table.error(name, *problem);
    auto entry = table.table(name);
    if (!entry) continue;
    Option option;
    option.name = name;
    option.summary = entry->required_string("summary", "what it means, for people", problem_with_text);
    const auto standard = entry->boolean("default");
    if (!standard) entry->error("default", "'default' must say what holds unless a recipe chooses: true or false");
    option.standard = standard.value_or(false);
    option.on = read_effect(*entry, "on");
    option.off = read_effect(*entry, "off");
    option.form = read_form(*entry);
    entry->finish();
    options.push_back(std::move(option));
  }
  return options;
}

template <typename Item, typename Read>
std::vector<Item> read_list(Table& root, const std::string& key, Read&& read) {
  std::vector<Item> items;
  for (const Table& table : root.tables(key)) items.push_back(read(table));
  return items;
}

template <typename Item, typename Read>
std::vector<Item> read_sorted(Table& root, const std::string& key, Read&& read) {
  auto items = read_list<Item>(root, key, read);
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.path < b.path; });
  return items;
}

template <typename Read>
void read_section(Table& root, const std::string& key, std::string_view meaning, Profile& profile, Read&& read) {
  if (const auto table = root.required_table(key, meaning)) read(*table, profile);
}

// Absent as a whole, the agent is an RPM only.
void read_container_form(Table& root, Profile& profile) {
  const std::vector<std::string> sections{"image", "container", "bind"};
  for (const auto& section : sections) root.expect(section);
  const auto is_there = [&](const std::string& section) { return root.has(section); };
  if (profile.package && std::none_of(sections.begin(), sections.end(), is_there)) return;
  read_section(root, "image", "its container image", profile, read_image);
  read_section(root, "container", "how the image is run", profile, read_container);
  profile.binds = read_list<Bind>(root, "bind", read_bind);
}

Profile read_profile(Table root, const fs::path& folder) {
  Profile profile;
  read_section(root, "agent", "what the agent is", profile, read_agent);
  if (const auto package = root.table("package")) profile.package = read_package(*package);
  read_container_form(root, profile);
  if (const auto config = root.table("config")) read_config(*config, profile);
  profile.directories = read_sorted<Directory>(root, "directory", read_directory);
  profile.files =
      read_sorted<TemplateFile>(root, "file", [&](const Table& table) { return read_file_entry(table, folder); });
  profile.symlinks = read_sorted<Symlink>(root, "symlink", read_symlink);
  profile.requirements = read_list<Requirement>(root, "require", read_requirement);
  profile.sysctls = read_list<Sysctl>(root, "sysctl", read_sysctl);
  profile.ports = read_list<Port>(root, "port", read_port);
  if (const auto options = root.table("option")) profile.options = read_options(*options);
  if (const auto test = root.table("test")) profile.promise = read_promise(*test);
  root.finish();
  return profile;
}

// Nothing may be written twice, and templates must be complete: better said now than after an image was fetched.
void check_rendered(const Profile& profile, const Settings& settings) {
  std::set<std::string> paths;
  const auto add = [&](const std::string& path) {
    if (path.empty() || paths.insert(path).second) return;
    throw Error(ErrorKind::input, fmt::format("{}: '{}' is written twice", profile.file.string(), path));
  };
  add(profile.config_path);
  add(tmpfiles_path(profile, settings));
  add(sysctl_path(profile));
  if (settings.form == Form::container) {
    add(profile.image_archive);
    add(profile.image_id_file);
  }
  const auto values = template_values(profile, settings);
  for (const TemplateFile& entry : profile.files) {
    if (!counts(entry, settings)) continue;
    add(entry.path);
    substitute(entry.text, values, entry.source);
  }
  for (const Symlink& link : profile.symlinks) {
    if (counts(link, settings)) add(link.path);
  }
  for (const Directory& directory : profile.directories) {
    if (counts(directory, settings)) add(directory.path);
  }
}

void check_rendered(const Profile& profile, Form form) {
  Settings settings;
  settings.form = form;
  for (const std::string& runtime : runtimes_of(profile, form)) {
    settings.runtime = runtime;
    check_rendered(profile, settings);
  }
}

}  // namespace

Profile load_profile(const fs::path& folder) {
  const fs::path file = folder / "agent.toml";
  recipe::Diagnostics diagnostics;
  recipe::Document document = recipe::Document::load(file, diagnostics);
  diagnostics.throw_if_any();
  Profile profile = read_profile(document.root(), folder);
  diagnostics.throw_if_any("agent-layer/README.md explains every key");
  profile.file = file;
  profile.digest = sha256_of_file(file);
  if (!profile.container.empty()) check_rendered(profile, Form::container);
  if (profile.package) check_rendered(profile, Form::rpm);
  return profile;
}

}  // namespace compose::agent
