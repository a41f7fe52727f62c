#include <algorithm>

#include <fmt/format.h>
#include <boost/algorithm/string/replace.hpp>

#include "agent/contract_rules.hpp"
#include "agent/systemd.hpp"

namespace compose::agent {
namespace {

// "51678", "0.0.0.0:51678", "[::]:51678" -> 51678.
bool names_port(const std::string& listen, std::uint16_t port) {
  const std::string number = std::to_string(port);
  return listen == number || (!listen.starts_with('/') && listen.ends_with(":" + number));
}

// Whether a unit of the tree starts on a new host: by a link below /usr, or by preset.
bool starts(const HostTree& host, const std::vector<PresetRule>& rules, const std::string& name, const Unit& unit) {
  if (unit.masked) return false;
  for (const std::string& folder : host.names_in(std::string(kUnitFolder))) {
    if (!folder.ends_with(".wants") && !folder.ends_with(".requires")) continue;
    const auto names = host.names_in(std::string(kUnitFolder) + folder);
    if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  }
  if (!can_be_enabled(unit.text)) return false;
  const auto rule = preset_of(rules, name);
  return !rule || rule->enable;
}

std::vector<std::string> own_units(const Subject& subject) {
  std::vector<std::string> names;
  for (const TemplateFile& file : subject.profile().files) {
    const bool unit =
        file.path.starts_with(kUnitFolder) && file.path.find('/', kUnitFolder.size()) == std::string::npos;
    if (unit && subject.counts(file)) names.push_back(file.path.substr(kUnitFolder.size()));
  }
  return names;
}

bool is_own_file(const Subject& subject, const std::string& path) {
  const auto& files = subject.profile().files;
  return std::any_of(files.begin(), files.end(), [&](const TemplateFile& file) { return file.path == path; });
}

void check_own_unit(const Subject& subject, const std::vector<PresetRule>& rules, const std::string& name) {
  const auto unit = find_unit(subject.host, name);
  if (unit && unit->masked) {
    require_unit(subject, name, fmt::format("it is the agent '{}' itself", subject.profile().name), "");
    return;
  }
  if (!unit || !can_be_enabled(unit->text)) return;
  const auto rule = preset_of(rules, name);
  // "disable *" says only that nobody thought of the unit, which is lint's to say.
  if (!rule || rule->enable || rule->pattern == "*" || is_own_file(subject, rule->file)) return;
  subject.add(
      {"preset-disables", name,
       fmt::format("'{}' has 'disable {}' and is read before the preset of agent '{}': the unit is off on a new "
                   "host",
                   rule->file, rule->pattern, subject.profile().name),
       fmt::format("add to an overlay a preset that sorts before it, such as "
                   "/usr/lib/systemd/system-preset/00-{}.preset, with 'enable {}', or remove that line",
                   subject.profile().name, name)});
}

// What lifts SELinux's confinement off a container (docker-run(1), podman-run(1)).
bool is_unconfined(const std::vector<std::string>& arguments) {
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    std::string argument = arguments[at];
    if (argument == "--security-opt" && at + 1 < arguments.size()) argument += "=" + arguments[at + 1];
    for (const char* known : {"--privileged", "--privileged=true", "--security-opt=label=disable",
                              "--security-opt=label:disable", "--security-opt=label=type:spc_t"}) {
      if (argument == known) return true;
    }
  }
  return false;
}

// An option that lifts the confinement, as a recipe would write it.
std::string unconfining_choice(const Profile& profile) {
  for (const Option& option : profile.options) {
    for (const auto& [effect, value] : {std::pair{&option.on, "true"}, std::pair{&option.off, "false"}}) {
      if (is_unconfined(effect->arguments)) return fmt::format("[agent.options] {} = {}", option.name, value);
    }
  }
  return fmt::format("\"--security-opt=label=disable\" among [container] arguments in {}", profile.file.string());
}

bool is_enforcing(const HostTree& host) {
  for (const std::string& value : values_of(host.text("/etc/selinux/config"), "SELINUX")) {
    if (value == "enforcing") return true;
  }
  return false;
}

}  // namespace

void check_runtime(const Subject& subject) {
  const Runtime& runtime = subject.runtime;
  if (runtime.name.empty()) return;
  const std::string reason = fmt::format("the agent '{}' runs under {}", subject.profile().name, runtime.name);
  const std::string fix = fmt::format("choose a base that brings {}, or another [agent] runtime", runtime.name);
  require_file(subject, {Requirement::Kind::program, {runtime.program}, reason, fix, {}});
  for (const std::string& unit : {runtime.socket_unit, runtime.service_unit}) require_unit(subject, unit, reason, fix);
  for (const std::string& file : subject.host.configuration_files("tmpfiles.d", ".conf")) {
    for (const TmpfilesLine& line : tmpfiles_lines(subject.host.text(file))) {
      if (line.makes_nothing() || line.path != runtime.socket) continue;
      subject.add({"runtime-socket-taken", runtime.socket,
                   fmt::format("'{}' puts something else where {} has its socket ({}): {} cannot listen there", file,
                               runtime.name, line.argument, runtime.socket_unit),
                   fmt::format("leave out the package that brings '{}', or choose another [agent] runtime", file)});
    }
  }
}

void check_package(const Subject& subject) {
  if (subject.in_container()) return;
  require_unit(subject, subject.profile().package->unit,
               fmt::format("it runs the agent '{}', which is layered as RPM", subject.profile().name),
               "name the package that has it as [agent] package, or leave as = \"rpm\" out");
}

void check_presets(const Subject& subject) {
  const auto rules = preset_rules(subject.host);
  for (const std::string& unit : own_units(subject)) check_own_unit(subject, rules, unit);
}

void check_sysctls(const Subject& subject) {
  if (subject.profile().sysctls.empty()) return;
  const auto values = sysctl_values(subject.host);
  for (const Sysctl& sysctl : subject.profile().sysctls) {
    const auto found = values.find(boost::algorithm::replace_all_copy(sysctl.key, "/", "."));
    if (found != values.end() && found->second.value == sysctl.value) continue;
    const std::string winner = found == values.end() ? "a file of the same name" : found->second.file;
    const std::string value = found == values.end() ? "nothing" : found->second.value;
    subject.add(
        {"sysctl-overridden", sysctl.key,
         fmt::format("the agent '{}' needs {}, but {} counts more than {} and says {}: {}", subject.profile().name,
                     sysctl.value, winner, sysctl_path(subject.profile()), value, sysctl.reason),
         fmt::format("remove that line, or add to an overlay /etc/sysctl.d/99-zz-{}.conf with '{} = {}'",
                     subject.profile().name, sysctl.key, sysctl.value)});
  }
}

void check_ports(const Subject& subject) {
  if (subject.profile().ports.empty()) return;
  const auto rules = preset_rules(subject.host);
  for (const std::string& name : subject.host.names_in(std::string(kUnitFolder))) {
    if (!name.ends_with(".socket")) continue;
    const auto unit = find_unit(subject.host, name);
    if (!unit || !starts(subject.host, rules, name, *unit)) continue;
    for (const std::string& listen : values_of(unit->text, "ListenStream")) {
      for (const Port& port : subject.profile().ports) {
        if (!names_port(listen, port.number)) continue;
        subject.add(
            {"port-taken", std::to_string(port.number),
             fmt::format("the agent '{}' listens on this port ({}), but {} has it from boot on", subject.profile().name,
                         port.meaning, name),
             fmt::format("mask it in an overlay (a symbolic link /etc/systemd/system/{} to /dev/null), or leave out "
                         "what brings it",
                         name)});
      }
    }
  }
}

void check_selinux(const Subject& subject) {
  if (!is_enforcing(subject.host) || is_unconfined(effective_arguments(subject.profile(), subject.agent.settings)))
    return;
  const std::string socket = subject.host.resolve(subject.runtime.socket).path;
  for (const Bind& bind : subject.profile().binds) {
    const std::string folder = subject.host.resolve(bind.source).path;
    const bool has_socket = socket == folder || socket.starts_with(folder == "/" ? "/" : folder + "/");
    if (!has_socket || !subject.counts(bind.runtime)) continue;
    subject.add({"selinux-socket", bind.source,
                 fmt::format("the tree's SELinux policy is enforcing and keeps containers from '{}': the agent '{}' is "
                             "refused when it connects",
                             subject.runtime.socket, subject.profile().name),
                 fmt::format("write {}", unconfining_choice(subject.profile()))});
    return;
  }
}

}  // namespace compose::agent
