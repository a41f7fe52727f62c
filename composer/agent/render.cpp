#include "agent/render.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/algorithm/string/trim.hpp>

#include "agent/runtime.hpp"
#include "agent/template.hpp"
#include "recipe/checks.hpp"
#include "recipe/nearest.hpp"
#include "support/error.hpp"

namespace compose::agent {
namespace {

std::string path_in_tree(const std::string& path) { return path.starts_with("/etc/") ? "/usr" + path : path; }

FileMeta meta_of(std::uint32_t type, std::uint32_t mode) { return {0, 0, type | mode, {}}; }

GeneratedFile file_of(const std::string& path, std::uint32_t mode, std::string content) {
  return {path_in_tree(path), meta_of(S_IFREG, mode), std::move(content), {}};
}

std::string volume_of(const Bind& bind) {
  std::vector<std::string> options;
  if (bind.read_only) options.emplace_back("ro");
  if (!bind.propagation.empty()) options.push_back(bind.propagation);
  return fmt::format("{}:{}{}{}", bind.source, bind.target, options.empty() ? "" : ":", fmt::join(options, ","));
}

const Effect& effect_of(const Profile& profile, const Settings& settings, const Option& option) {
  return option_holds(profile, settings, option.name) ? option.on : option.off;
}

// Each argument on a line of its own, for people who read the unit.
std::string run_arguments(const Profile& profile, const Settings& settings) {
  std::vector<std::string> arguments = effective_arguments(profile, settings);
  for (const Bind& bind : profile.binds) {
    if (!bind.optional && counts_under(bind.runtime, settings)) arguments.push_back("--volume=" + volume_of(bind));
  }
  for (const auto& [name, value] : profile.container_environment)
    arguments.push_back(fmt::format("--env={}={}", name, value));
  return fmt::format("  {}", fmt::join(arguments, " \\\n  "));
}

std::string optional_binds(const Profile& profile, const Settings& settings) {
  std::string text;
  for (const Bind& bind : profile.binds) {
    if (bind.optional && counts_under(bind.runtime, settings)) {
      text += fmt::format("{}{} {}", text.empty() ? "" : "\n", bind.source, volume_of(bind));
    }
  }
  return text;
}

bool made_at_boot(const Directory& directory, const Settings& settings) {
  return counts(directory, settings) && !directory.path.starts_with("/etc/");
}

std::string tmpfiles(const Profile& profile, const Settings& settings) {
  std::string text = fmt::format("# {}: made at boot where missing.\n", profile.summary);
  for (const Directory& directory : profile.directories) {
    if (!made_at_boot(directory, settings)) continue;
    text += fmt::format("d {} {:04o} {} {} - -\n", directory.path, directory.mode, directory.owner, directory.group);
  }
  return text;
}

void check_variable(const Profile& profile, const Settings& settings, const std::string& name,
                    const std::string& value) {
  if (const auto problem = recipe::problem_with_variable(name, value)) {
    throw Error(ErrorKind::input, fmt::format("agent '{}': {}", profile.name, *problem));
  }
  if (settings.form == Form::container && profile.container_environment.count(name) > 0) {
    throw Error(ErrorKind::input,
                fmt::format("agent '{}': {} is fixed by the profile and cannot be set", profile.name, name));
  }
  if (name == profile.cluster_key) {
    throw Error(ErrorKind::input, fmt::format("agent '{}': {} is the cluster's name", profile.name, name),
                "write it as [agent] cluster");
  }
}

std::string cluster_of(const Profile& profile, const Settings& settings) {
  if (settings.cluster && profile.cluster_key.empty()) {
    throw Error(ErrorKind::input,
                fmt::format("agent '{}' joins no cluster: [agent] cluster has no effect", profile.name),
                "leave the line out");
  }
  const std::string cluster = settings.cluster.value_or(profile.default_cluster);
  if (const auto problem = cluster.empty() ? std::nullopt : recipe::problem_with_cluster(cluster)) {
    throw Error(ErrorKind::input, fmt::format("agent '{}': {}", profile.name, *problem));
  }
  return cluster;
}

// What the recipe says, as lines of the configuration.
std::vector<std::string> recipe_lines(const Profile& profile, const Settings& settings) {
  if (profile.config_path.empty() && !settings.environment.empty()) {
    throw Error(ErrorKind::input,
                fmt::format("agent '{}' has no configuration file: [agent] environment has no effect", profile.name),
                "leave the lines out");
  }
  std::vector<std::string> lines;
  const std::string cluster = cluster_of(profile, settings);
  if (!cluster.empty()) lines.push_back(fmt::format("{}={}", profile.cluster_key, cluster));
  for (const auto& [name, value] : settings.environment) {
    check_variable(profile, settings, name, value);
    lines.push_back(fmt::format("{}={}", name, value));
  }
  return lines;
}

// No '=' in the comment: a reader that knows no comments then sees no variable either.
std::string config(const Profile& profile, const Settings& settings) {
  std::string text = fmt::format("# {}: a line a variable, never quoted; of two the last counts.\n", profile.summary);
  for (const std::string& line : recipe_lines(profile, settings)) text += line + "\n";
  return text;
}

std::string settings_lines(const Profile& profile, const Settings& settings) {
  std::vector<std::string> lines;
  for (const Option& option : profile.options) {
    if (!counts(option, settings)) continue;
    for (const auto& [name, value] : effect_of(profile, settings, option).settings) lines.push_back(name + "=" + value);
  }
  for (const std::string& line : recipe_lines(profile, settings)) lines.push_back(line);
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::string sysctl_conf(const Profile& profile) {
  std::string text = fmt::format("# {}\n", profile.summary);
  for (const Sysctl& sysctl : profile.sysctls) {
    text += fmt::format("# {}\n{} = {}\n", sysctl.reason, sysctl.key, sysctl.value);
  }
  return text;
}

std::map<std::string, std::string> container_values(const Profile& profile, const Settings& settings) {
  return {{"container", profile.container},
          {"image_id", settings.image_id},
          {"image_archive", profile.image_archive},
          {"image_id_file", profile.image_id_file},
          {"run_arguments", run_arguments(profile, settings)},
          {"command", fmt::format("{}", fmt::join(profile.command, " "))},
          {"optional_binds", optional_binds(profile, settings)}};
}

std::map<std::string, std::string> runtime_values(const Runtime& runtime) {
  return {{"runtime", runtime.name},
          {"runtime_program", runtime.program},
          {"runtime_socket", runtime.socket},
          {"runtime_socket_unit", runtime.socket_unit},
          {"runtime_service", runtime.service_unit},
          {"bridge", runtime.bridge}};
}

void check_runtime(const Profile& profile, const Settings& settings) {
  const auto& runtimes = runtimes_of(profile, settings.form);
  if (std::find(runtimes.begin(), runtimes.end(), settings.runtime) != runtimes.end()) return;
  const bool needs_none = runtimes.front().empty();
  throw Error(ErrorKind::input,
              needs_none ? fmt::format("agent '{}' runs under no container runtime", profile.name)
                         : fmt::format("agent '{}' cannot run under '{}'", profile.name, settings.runtime),
              needs_none ? "leave the recipe's [agent] runtime out"
                         : fmt::format("its runtimes: {}", fmt::join(runtimes, ", ")));
}

void check_options(const Profile& profile, const Settings& settings) {
  for (const auto& [name, value] : settings.options) option_holds(profile, settings, name);
}

}  // namespace

std::string tmpfiles_path(const Profile& profile, const Settings& settings) {
  const bool needed = std::any_of(profile.directories.begin(), profile.directories.end(),
                                  [&](const Directory& directory) { return made_at_boot(directory, settings); });
  return needed ? fmt::format("/usr/lib/tmpfiles.d/{}.conf", profile.name) : "";
}

std::string sysctl_path(const Profile& profile) {
  return profile.sysctls.empty() ? "" : fmt::format("/usr/lib/sysctl.d/90-{}.conf", profile.name);
}

bool counts_under(const std::string& runtime, const Settings& settings) {
  return runtime.empty() || runtime == settings.runtime;
}

bool counts_in(const std::optional<Form>& form, const Settings& settings) { return !form || *form == settings.form; }

const std::vector<std::string>& runtimes_of(const Profile& profile, Form form) {
  static const std::vector<std::string> none{""};
  if (form == Form::container && profile.container.empty()) {
    throw Error(ErrorKind::input, fmt::format("agent '{}' is there as an RPM only", profile.name),
                fmt::format("write as = \"rpm\", or add [image] and [container] to {}", profile.file.string()));
  }
  if (form == Form::container) return profile.runtimes;
  if (profile.package) return profile.package->runtimes.empty() ? none : profile.package->runtimes;
  throw Error(ErrorKind::input,
              fmt::format("agent '{}' cannot be layered as RPM: its profile names no package", profile.name),
              fmt::format("write as = \"container\", or add [package] to {}", profile.file.string()));
}

std::string config_over(const std::string& packaged, const std::string& rendered) {
  const auto name_of = [](const std::string& line) {
    return boost::algorithm::trim_copy(line.substr(0, std::min(line.find('='), line.size())));
  };
  std::set<std::string> names;
  std::istringstream ours(rendered);
  for (std::string line; std::getline(ours, line);) {
    if (!line.starts_with('#')) names.insert(name_of(line));
  }
  std::string text;
  std::istringstream theirs(packaged);
  for (std::string line; std::getline(theirs, line);) {
    if (names.count(name_of(line)) == 0) text += line + "\n";
  }
  return text + rendered;
}

std::vector<std::string> effective_arguments(const Profile& profile, const Settings& settings) {
  std::vector<std::string> arguments = profile.arguments;
  const auto append = [&](const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
  };
  if (const auto own = profile.arguments_by_runtime.find(settings.runtime); own != profile.arguments_by_runtime.end()) {
    append(own->second);
  }
  for (const Option& option : profile.options) {
    if (counts(option, settings)) append(effect_of(profile, settings, option).arguments);
  }
  return arguments;
}

bool option_holds(const Profile& profile, const Settings& settings, const std::string& name) {
  std::vector<std::string> names;
  for (const Option& option : profile.options) {
    if (option.name != name) {
      names.push_back(option.name);
      continue;
    }
    const auto chosen = settings.options.find(name);
    if (counts(option, settings)) return chosen == settings.options.end() ? option.standard : chosen->second.value;
    if (chosen == settings.options.end()) return false;
    throw Error(ErrorKind::input,
                fmt::format("{}: option '{}' of agent '{}' has no effect with as = \"{}\"", chosen->second.place, name,
                            profile.name, settings.form == Form::rpm ? "rpm" : "container"),
                "leave the line out");
  }
  const auto meant = recipe::nearest(name, names);
  const auto chosen = settings.options.find(name);
  throw Error(ErrorKind::input,
              fmt::format("{}agent '{}' has no option '{}'{}",
                          chosen == settings.options.end() ? "" : chosen->second.place + ": ", profile.name, name,
                          meant ? fmt::format("; did you mean '{}'?", *meant) : ""),
              names.empty() ? "it has no options" : fmt::format("its options: {}", fmt::join(names, ", ")));
}

std::map<std::string, std::string> template_values(const Profile& profile, const Settings& settings) {
  check_runtime(profile, settings);
  const bool container = settings.form == Form::container;
  std::map<std::string, std::string> values{{"name", profile.name},
                                            {"config", profile.config_path},
                                            {"cluster_key", profile.cluster_key},
                                            {"unit", container ? profile.container_unit : profile.package->unit},
                                            {"settings", settings_lines(profile, settings)}};
  if (container) values.merge(container_values(profile, settings));
  if (const auto runtime = find_runtime(settings.runtime)) values.merge(runtime_values(*runtime));
  for (const Option& option : profile.options) {
    if (!counts(option, settings)) continue;
    values["option." + option.name] = option_holds(profile, settings, option.name) ? "true" : "false";
  }
  return values;
}

std::vector<GeneratedFile> render(const Profile& profile, const Settings& settings) {
  check_options(profile, settings);
  const auto values = template_values(profile, settings);
  std::vector<GeneratedFile> all;
  const auto add = [&](const std::string& path, std::uint32_t mode, std::string content) {
    if (!path.empty()) all.push_back(file_of(path, mode, std::move(content)));
  };
  add(profile.config_path, profile.config_mode, config(profile, settings));
  if (settings.form == Form::container) add(profile.image_id_file, 0644, settings.image_id + "\n");
  add(tmpfiles_path(profile, settings), 0644, tmpfiles(profile, settings));
  add(sysctl_path(profile), 0644, sysctl_conf(profile));
  for (const TemplateFile& file : profile.files) {
    if (counts(file, settings)) add(file.path, file.mode, substitute(file.text, values, file.source));
  }
  for (const Symlink& link : profile.symlinks) {
    if (!counts(link, settings)) continue;
    all.push_back({path_in_tree(link.path), meta_of(S_IFLNK, 0777), {}, link.target});
  }
  for (const Directory& directory : profile.directories) {
    if (!counts(directory, settings) || made_at_boot(directory, settings)) continue;
    all.push_back({path_in_tree(directory.path), meta_of(S_IFDIR, directory.mode), {}, {}});
  }
  std::sort(all.begin(), all.end(), [](const GeneratedFile& a, const GeneratedFile& b) { return a.path < b.path; });
  return all;
}

}  // namespace compose::agent
