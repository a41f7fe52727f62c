#include "layers/packages/generated.hpp"

#include <algorithm>
#include <array>

#include <fnmatch.h>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>

#include "layers/packages/sandboxed_tree.hpp"
#include "support/error.hpp"

namespace compose::layers {
namespace {

constexpr const char* modules = "/usr/lib/modules";

// What the initramfs is made from: the kernel and its modules, firmware, dracut and its configuration, ostree's and
// systemd's programs that start the host, udev's rules, programs and libraries that dracut's modules copy.
constexpr std::array initramfs_inputs{
    "/usr/lib/modules/*",        "/usr/lib/firmware/*",   "/usr/lib/dracut/*",     "/usr/etc/dracut.conf",
    "/usr/etc/dracut.conf.d/*",  "/usr/lib/ostree/*",     "/usr/lib/systemd/*",    "/usr/lib/udev/*",
    "/usr/etc/udev/*",           "/usr/lib/modprobe.d/*", "/usr/etc/modprobe.d/*", "/usr/lib/modules-load.d/*",
    "/usr/etc/modules-load.d/*", "/usr/lib/sysctl.d/*",   "/usr/etc/crypttab",     "/usr/etc/vconsole.conf",
    "/usr/etc/locale.conf",      "/usr/lib/kernel/*",     "/usr/bin/kmod",         "/usr/bin/udevadm",
    "/usr/bin/systemctl",        "/usr/bin/bash",         "/usr/bin/mount",        "/usr/sbin/fsck*",
    "/usr/sbin/blkid",           "/usr/sbin/cryptsetup",  "/usr/sbin/veritysetup", "/usr/sbin/lvm",
    "/usr/sbin/mdadm",           "/usr/sbin/multipath"};

// What is in the same folders but makes no difference to it.
constexpr std::array no_initramfs_inputs{"/usr/lib/systemd/system-preset/*", "/usr/lib/systemd/user-preset/*",
                                         "/usr/lib/systemd/user/*",
                                         // Units of services that only the booted host starts.
                                         "/usr/lib/systemd/system/*", "/usr/lib/modules/*/initramfs.img"};

template <std::size_t Count>
bool matches(const std::array<const char*, Count>& patterns, const std::string& path) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const char* pattern) { return ::fnmatch(pattern, path.c_str(), 0) == 0; });
}

bool is_shared_library(const std::string& path) {
  return ::fnmatch("/usr/lib*.so", path.c_str(), 0) == 0 || ::fnmatch("/usr/lib*.so.*", path.c_str(), 0) == 0 ||
         ::fnmatch("/usr/etc/ld.so.conf*", path.c_str(), 0) == 0;
}

bool is_file(const ostree::Tree& tree, const std::string& path) { return tree.lookup(path).has_value(); }

std::optional<std::string> program_in(const ostree::Tree& tree, const std::string& name) {
  for (const std::string folder : {"/usr/sbin/", "/usr/bin/"}) {
    if (is_file(tree, folder + name)) return folder + name;
  }
  return std::nullopt;
}

void move(ostree::Tree& tree, const std::string& from, const std::string& to) {
  const auto node = tree.lookup(from);
  if (!node || node->kind != ostree::NodeKind::file) return;
  constexpr std::uint64_t limit_bytes = 512U << 20U;
  if (!is_file(tree, to)) tree.put_file(to, node->meta, tree.read(from, limit_bytes));
  tree.remove(from);
}

sandbox::Command command_for(const std::string& name, std::vector<std::string> arguments) {
  sandbox::Command command;
  command.name = name;
  command.arguments = std::move(arguments);
  // As ci/base makes the initramfs: what its scripts sort and print depends on nothing of this machine.
  command.environment = {{"LANG", "C"}, {"LC_ALL", "C"}, {"TZ", "UTC"}, {"HOME", "/root"}, {"PYTHONHASHSEED", "0"}};
  return command;
}

std::vector<sandbox::Command> commands_for(const ostree::Tree& tree, const GeneratedPlan& plan) {
  std::vector<sandbox::Command> commands;
  if (plan.linker_cache) commands.push_back(command_for("ldconfig", {*program_in(tree, "ldconfig"), "-X"}));
  if (plan.module_index)
    commands.push_back(command_for("depmod", {*program_in(tree, "depmod"), "-a", *plan.module_index}));
  if (plan.initramfs) {
    commands.push_back(
        command_for("dracut", {*program_in(tree, "dracut"), "--force", "--no-hostonly", "--reproducible", "--kver",
                               *plan.initramfs, fmt::format("{}/{}/initramfs.img", modules, *plan.initramfs)}));
  }
  return commands;
}

// The programs write nothing else; if one does, it is not part of the tree.
bool is_result(const GeneratedPlan& plan, const std::string& path) {
  if (plan.linker_cache && path == "/usr/etc/ld.so.cache") return true;
  const auto below = [&](const std::optional<std::string>& kernel, const std::string& pattern) {
    return kernel && ::fnmatch(fmt::format("{}/{}/{}", modules, *kernel, pattern).c_str(), path.c_str(), 0) == 0;
  };
  return below(plan.module_index, "modules.*") || below(plan.initramfs, "initramfs.img");
}

}  // namespace

std::vector<std::string> kernels_in(const ostree::Tree& tree) {
  std::vector<std::string> versions;
  for (const auto& [name, kind] : tree.list(modules)) {
    if (kind == ostree::NodeKind::directory && is_file(tree, fmt::format("{}/{}/vmlinuz", modules, name)))
      versions.push_back(name);
  }
  return versions;
}

void place_kernels(ostree::Tree& tree) {
  for (const std::string folder : {"/boot", "/usr/lib/ostree-boot"}) {
    for (const auto& [name, kind] : tree.list(folder)) {
      for (const std::string part : {"vmlinuz", "config", "System.map"}) {
        if (kind != ostree::NodeKind::file || !name.starts_with(part + "-")) continue;
        const std::string version = name.substr(part.size() + 1);
        if (tree.lookup(fmt::format("{}/{}", modules, version)))
          move(tree, folder + "/" + name, fmt::format("{}/{}/{}", modules, version, part));
      }
    }
  }
}

void keep_one_kernel(ostree::Tree& tree, const std::set<std::string>& from_packages,
                     const std::map<std::string, std::string>& owners) {
  std::set<std::string> ours;
  const auto all = kernels_in(tree);
  for (const auto& version : all) {
    if (from_packages.contains(version)) ours.insert(version);
  }
  // Modules for the base's kernel are no kernel.
  std::erase_if(ours, [&](const auto& version) { return owners.contains(version); });
  if (ours.empty()) return;
  if (ours.size() > 1) {
    throw Error(ErrorKind::input, fmt::format("packages bring several kernels: {}", boost::algorithm::join(ours, ", ")),
                "a host starts one: name one version in [packages] install, and exclude the others");
  }
  for (const auto& [name, kind] : tree.list(modules)) {
    if (ours.contains(name)) continue;
    if (const auto owner = owners.find(name); owner != owners.end()) {
      throw Error(ErrorKind::input,
                  fmt::format("packages bring the kernel {}, but that of the base, {}, belongs to {}", *ours.begin(),
                              name, owner->second),
                  fmt::format("take it out: [packages] remove = [\"{}\"]", owner->second));
    }
    tree.remove(fmt::format("{}/{}", modules, name));
  }
}

GeneratedPlan plan_generated(const ostree::Tree& tree, const std::set<std::string>& changed) {
  GeneratedPlan plan;
  const auto any = [&](auto&& test) { return std::any_of(changed.begin(), changed.end(), test); };
  plan.linker_cache = is_file(tree, "/usr/etc/ld.so.cache") && program_in(tree, "ldconfig") && any(is_shared_library);
  const auto kernels = kernels_in(tree);
  if (kernels.empty()) return plan;
  const std::string& kernel = kernels.back();
  const std::string folder = fmt::format("{}/{}/", modules, kernel);
  const bool is_new_kernel = changed.contains(folder + "vmlinuz");
  if (program_in(tree, "depmod") && any([&](const auto& path) { return path.starts_with(folder); }))
    plan.module_index = kernel;
  const bool input =
      any([](const auto& path) { return matches(initramfs_inputs, path) && !matches(no_initramfs_inputs, path); });
  if (is_new_kernel || input) plan.initramfs = kernel;
  if (plan.initramfs && !program_in(tree, "dracut")) {
    if (!is_new_kernel && is_file(tree, folder + "initramfs.img")) {
      plan.initramfs = std::nullopt;
    } else {
      throw Error(ErrorKind::input,
                  fmt::format("the kernel {} needs an initramfs, and the tree has no dracut to make one", kernel),
                  "add it: [packages] install = [\"dracut\"]");
    }
  }
  return plan;
}

std::set<std::string> changed_paths(ostree::Repository& repository, const std::string& from, const std::string& to) {
  std::set<std::string> paths;
  const auto keep = [&](const std::string& path, const ostree::Node& node) {
    if (node.kind != ostree::NodeKind::directory) paths.insert(path);
  };
  ostree::for_each_added(repository, from, to, keep);
  ostree::for_each_added(repository, to, from, keep);  // what was removed
  return paths;
}

void make_generated(ostree::Repository& repository, ostree::Tree& tree, const std::string& commit,
                    const GeneratedPlan& plan, std::uint64_t time, const fs::path& scratch, Events& events,
                    const std::optional<sandbox::Capabilities>& can) {
  if (plan.empty()) return;
  sandbox::Limits limits;
  limits.time = std::chrono::seconds(1800);  // dracut, on a busy machine
  SandboxedTree sandboxed(repository, commit, scratch, limits, can);
  for (const auto& command : commands_for(tree, plan)) {
    Stage stage(events, command.name);
    const sandbox::Outcome outcome = sandboxed.run(command, time);
    if (outcome.exit_code != 0 || !outcome.stopped.empty())
      throw Error(ErrorKind::input, describe_failure(command.name, outcome));
  }
  const std::string image = fmt::format("{}/{}/initramfs.img", modules, plan.initramfs.value_or(""));
  const auto before = plan.initramfs ? tree.lookup(image) : std::nullopt;
  for (const auto& change : sandboxed.changes()) {
    if (is_result(plan, change.path)) apply(change, tree);
  }
  if (!plan.initramfs) return;
  if (!tree.lookup(image)) throw Error(ErrorKind::input, fmt::format("dracut made no '{}'", image));
  if (before) tree.set_meta(image, before->meta);  // dracut's own is for root alone
}

}  // namespace compose::layers
