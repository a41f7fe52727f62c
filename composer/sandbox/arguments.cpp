#include "sandbox/arguments.hpp"

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"

namespace compose::sandbox {
namespace {

using Arguments = std::vector<std::string>;

constexpr const char* script_path = "/run/script";

void add(Arguments& arguments, std::initializer_list<std::string> more) { arguments.insert(arguments.end(), more); }

void add_namespaces(Arguments& arguments) {
  add(arguments, {"--die-with-parent", "--new-session", "--unshare-pid", "--unshare-uts", "--unshare-ipc",
                  "--unshare-net", "--unshare-cgroup-try", "--hostname", "localhost", "--cap-drop", "ALL"});
  for (const char* name :
       {"chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "sys_chroot", "setfcap"}) {
    add(arguments, {"--cap-add", fmt::format("cap_{}", name)});
  }
}

void add_environment(Arguments& arguments, const Command& command, std::uint64_t time) {
  std::map<std::string, std::string> environment{{"PATH", "/usr/sbin:/usr/bin"},
                                                 {"LANG", "C.UTF-8"},
                                                 {"SYSTEMD_OFFLINE", "1"},
                                                 {"SOURCE_DATE_EPOCH", std::to_string(time)}};
  for (const auto& [name, value] : command.environment) environment[name] = value;
  add(arguments, {"--clearenv"});
  for (const auto& [name, value] : environment) add(arguments, {"--setenv", name, value});
}

// The tree's own top: links as they are, folders empty, except those that are mounted.
void add_top(Arguments& arguments, const fs::path& tree) {
  const std::map<std::string, bool> mounted{{"usr", true}, {"etc", true}, {"var", true}, {"proc", true},
                                            {"dev", true}, {"sys", true}, {"run", true}, {"tmp", true}};
  std::map<std::string, fs::file_status> top;
  for (fs::directory_iterator entry(tree), end; entry != end; ++entry)
    top.emplace(entry->path().filename().string(), entry->symlink_status());
  for (const auto& [name, status] : top) {
    if (mounted.contains(name)) continue;
    if (name == "opt" && fs::is_directory(fs::symlink_status(tree / "usr/lib/opt"))) continue;
    if (fs::is_symlink(status)) add(arguments, {"--symlink", fs::read_symlink(tree / name).string(), "/" + name});
    if (fs::is_directory(status)) add(arguments, {"--dir", "/" + name});
  }
  if (fs::is_directory(fs::symlink_status(tree / "usr/lib/opt"))) add(arguments, {"--symlink", "usr/lib/opt", "/opt"});
}

void add_file_systems(Arguments& arguments, const fs::path& tree, const fs::path& merged, const Limits& limits) {
  const std::string size = std::to_string(limits.memory_bytes);
  add(arguments, {"--bind", (merged / "usr").string(), "/usr", "--bind", (merged / "usr/etc").string(), "/etc"});
  add(arguments, {"--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/run"});
  // The machine's own settings, which its root may write without any capability (core_pattern, binfmt_misc).
  for (const char* name : {"sys", "sysrq-trigger", "acpi", "scsi", "fs", "mtrr"})
    add(arguments, {"--ro-bind-try", fmt::format("/proc/{}", name), fmt::format("/proc/{}", name)});
  add(arguments, {"--perms", "1777", "--size", size, "--tmpfs", "/tmp"});
  for (const char* name : {"block", "bus", "class", "dev", "devices"})
    add(arguments, {"--ro-bind-try", fmt::format("/sys/{}", name), fmt::format("/sys/{}", name)});
  add_top(arguments, tree);
  add(arguments, {"--tmpfs", "/var"});
  for (const char* name : {"cache", "home", "lib", "log", "opt", "roothome", "spool"})
    add(arguments, {"--dir", fmt::format("/var/{}", name)});
  add(arguments, {"--symlink", "../run", "/var/run", "--symlink", "../run/lock", "/var/lock", "--dir", "/run/lock"});
  add(arguments, {"--perms", "1777", "--size", size, "--tmpfs", "/var/tmp"});
  // What says that this is an OSTree host (ostree-prepare-root(1)), to scripts that ask.
  add(arguments, {"--ro-bind", "/dev/null", "/run/ostree-booted"});
}

// The path below the tree, when it is there.
std::optional<std::string> path_in_tree(const std::string& path) {
  if (path.starts_with("/usr/")) return path.substr(1);
  if (path == "/etc" || path.starts_with("/etc/")) return "usr" + path;
  return std::nullopt;
}

}  // namespace

std::map<std::string, fs::path> binds_in_tree(const Command& command) {
  std::map<std::string, fs::path> binds;
  for (const auto& [path, folder] : command.binds) {
    if (const auto in_tree = path_in_tree(path)) binds.emplace(*in_tree, folder);
  }
  return binds;
}

std::vector<std::string> bubblewrap_arguments(const Command& command, const fs::path& tree, const fs::path& merged,
                                              const Limits& limits, std::uint64_t time) {
  Arguments arguments;
  add_namespaces(arguments);
  add_environment(arguments, command, time);
  add_file_systems(arguments, tree, merged, limits);
  for (const auto& [path, folder] : command.binds) {
    if (!path_in_tree(path)) add(arguments, {"--bind", folder.string(), path});
  }
  add(arguments,
      {"--json-status-fd", std::to_string(Descriptors::status), "--block-fd", std::to_string(Descriptors::block)});
  if (command.script)
    add(arguments, {"--perms", "0555", "--ro-bind-data", std::to_string(Descriptors::script), script_path});
  add(arguments, {"--remount-ro", "/var", "--remount-ro", "/", "--chdir", "/", "--"});
  arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
  if (command.script) {
    arguments.emplace_back(script_path);
    arguments.insert(arguments.end(), command.script_arguments.begin(), command.script_arguments.end());
  }
  return arguments;
}

}  // namespace compose::sandbox
