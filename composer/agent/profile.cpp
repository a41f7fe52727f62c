#include "agent/profile.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "agent/checks.hpp"
#include "agent/render.hpp"
#include "agent/runtime.hpp"
#include "agent/template.hpp"
#include "recipe/checks.hpp"
#include "recipe/document.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::agent {
namespace {

using recipe::Table;

constexpr std::uint64_t kTemplateLimitBytes = 1U << 20U;

std::uint32_t read_mode(Table& table, std::uint32_t fallback) {
  const auto text = table.string("mode", recipe::problem_with_mode);
  return text ? recipe::mode_of(*text) : fallback;
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

std::string read_runtime(Table& table) { return table.string("runtime", recipe::problem_with_runtime).value_or(""); }

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

Bind read_bind(Table table) {
  Bind bind;
  bind.source = table.required_string("source", "the path of the host", problem_with_host_path);
  bind.target = table.string("target", problem_with_host_path).value_or(bind.source);
  bind.read_only = table.boolean("read_only").value_or(false);
  bind.optional = table.boolean("optional").value_or(false);
  bind.runtime = read_runtime(table);
  bind.propagation = table.string("propagation", problem_with_propagation).value_or("");
  table.finish();
  return bind;
}

Sysctl read_sysctl(Table table) {
  Sysctl sysctl;
  sysctl.key = table.required_string("key", "the kernel's setting", problem_with_sysctl);
  sysctl.value = table.required_string("value", "what it has to be", problem_with_argument);
  sysctl.reason = table.required_string("reason", "why", problem_with_text);
  table.finish();
  return sysctl;
}

Port read_port(Table table) {
  Port port;
  const auto number = table.integer("number");
  if (!number || *number < 1 || *number > 65535) {
    table.error("number", "'number' must be a TCP port, from 1 to 65535");
  } else {
    port.number = static_cast<std::uint16_t>(*number);
  }
  port.meaning = table.required_string("meaning", "what listens there", problem_with_text);
  table.finish();
  return port;
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
    entry->finish();
    options.push_back(std::move(option));
  }
  return options;
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
  file.runtime = read_runtime(table);
  const std::string name = table.required_string("template", "the file's text, in the profile's folder or in ../common",
                                                 problem_with_file_name);
  file.source = (folder / name).lexically_normal();
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
  link.target = table.required_string("target", "where it leads", problem_with_host_path);
  link.runtime = read_runtime(table);
  table.finish();
  return link;
}

void read_names(Table& table, Requirement& requirement) {
  using Kind = Requirement::Kind;
  const auto take = [&](const char* key, Kind kind, Problem (*check)(std::string_view)) {
    const auto name = table.string(key, check);
    if (!name) return;
    requirement.kind = kind;
    requirement.names.push_back(*name);
  };
  take("path", Kind::file, problem_with_host_path);
  take("program", Kind::program, problem_with_host_path);
  take("unit", Kind::unit, recipe::problem_with_unit);
  const auto any = table.strings("any", problem_with_host_path);
  if (!any.empty()) requirement.kind = Kind::any;
  const bool one = any.empty() ? requirement.names.size() == 1 : requirement.names.empty();
  if (!one) table.error_here("exactly one of 'path', 'program', 'unit' and 'any' says what is required");
  requirement.names.insert(requirement.names.end(), any.begin(), any.end());
}

Requirement read_requirement(Table table) {
  Requirement requirement;
  read_names(table, requirement);
  requirement.reason = table.required_string("reason", "why the host needs it");
  requirement.fix = table.required_string("fix", "what brings it");
  requirement.runtime = read_runtime(table);
  table.finish();
  return requirement;
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

Profile read_profile(Table root, const fs::path& folder) {
  Profile profile;
  read_section(root, "agent", "what the agent is", profile, read_agent);
  read_section(root, "image", "its container image", profile, read_image);
  read_section(root, "container", "how the image is run", profile, read_container);
  if (const auto config = root.table("config")) read_config(*config, profile);
  profile.binds = read_list<Bind>(root, "bind", read_bind);
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
void check_rendered(const Profile& profile, const std::string& runtime) {
  Settings settings;
  settings.runtime = runtime;
  std::set<std::string> paths;
  const auto add = [&](const std::string& path) {
    if (path.empty() || paths.insert(path).second) return;
    throw Error(ErrorKind::input, fmt::format("{}: '{}' is written twice", profile.file.string(), path));
  };
  for (const std::string& path : {profile.image_archive, profile.image_id_file, profile.config_path,
                                  tmpfiles_path(profile), sysctl_path(profile)}) {
    add(path);
  }
  for (const TemplateFile& entry : profile.files) {
    if (counts_under(entry.runtime, settings)) add(entry.path);
  }
  for (const Symlink& link : profile.symlinks) {
    if (counts_under(link.runtime, settings)) add(link.path);
  }
  for (const Directory& directory : profile.directories) add(directory.path);
  const auto values = template_values(profile, settings);
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
  profile.file = file;
  profile.digest = sha256_of_file(file);
  for (const std::string& runtime : profile.runtimes) check_rendered(profile, runtime);
  return profile;
}

}  // namespace compose::agent
