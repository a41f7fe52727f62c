#include "layers/volumes.hpp"

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>

#include "agent/runtime.hpp"
#include "ostree/transaction.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace compose::layers {
namespace {

constexpr const char* program_path = "/usr/libexec/host-volume";
constexpr const char* units = "/usr/lib/systemd/system";

// What must not start before the containers' storage is mounted.
std::vector<std::string> storage_services() {
  std::vector<std::string> services;
  for (const auto& runtime : agent::known_runtimes())
    services.insert(services.end(), runtime.services.begin(), runtime.services.end());
  return services;
}

std::string short_name(const recipe::Volume& volume) { return volume.device.substr(volume.device.rfind('/') + 1); }

bool is_container_storage(const recipe::Volume& volume) { return volume.use == "container-storage"; }

// Distributions put a program into one folder or the other, and link one to the other or not.
bool has_program(const ostree::Tree& tree, const std::string& name) {
  return tree.lookup("/usr/bin/" + name).has_value() || tree.lookup("/usr/sbin/" + name).has_value();
}

void check_requirements(const ostree::Tree& tree, const std::vector<recipe::Volume>& volumes) {
  std::string missing;
  for (const char* name : {"python3", "blkid", "mount"}) {
    if (!has_program(tree, name)) missing += fmt::format("\n  /usr/bin/{}: host-volume runs it", name);
  }
  for (const auto& volume : volumes) {
    if (!has_program(tree, "mkfs." + volume.filesystem)) {
      missing +=
          fmt::format("\n  /usr/sbin/mkfs.{0}: {1} is to have an {0} file system", volume.filesystem, volume.device);
    }
    if (is_container_storage(volume) && container_storage(tree).empty()) {
      missing += fmt::format("\n  /usr/bin/docker or /usr/bin/podman: {} is to be container storage", volume.device);
    }
  }
  if (missing.empty()) return;
  throw Error(ErrorKind::input, "the tree lacks what [[disk.volume]] needs on the host:" + missing,
              "choose a base that has it, or another 'filesystem' or 'use'");
}

void put_file(ostree::Tree& tree, const std::string& path, std::uint32_t mode, const std::string& text) {
  tree.put_file(path, {0, 0, S_IFREG | mode, {}}, text);
}

// Until the last container has stopped nothing is unmounted. (The order of starting is the volume's unit's business.)
void put_storage_order(ostree::Tree& tree, const std::vector<std::string>& storage) {
  for (const std::string& service : storage_services()) {
    if (!tree.lookup(fmt::format("{}/{}", units, service))) continue;
    put_file(tree, fmt::format("{}/{}.d/50-host-volume.conf", units, service), 0644,
             fmt::format("[Unit]\nRequiresMountsFor={}\n", boost::algorithm::join(storage, " ")));
  }
}

void put(ostree::Tree& tree, const std::vector<recipe::Volume>& volumes) {
  const std::vector<std::string> storage = container_storage(tree);
  put_file(tree, program_path, 0755, host_volume_program);
  for (const auto& volume : volumes) {
    const std::string unit = fmt::format("host-volume-{}.service", short_name(volume));
    put_file(tree, fmt::format("{}/{}", units, unit), 0644, render_volume_unit(volume, storage));
    // Linked here, not by a preset: a volume is part of the image, for hosts that are upgraded to it too.
    tree.put_symlink(fmt::format("{}/multi-user.target.wants/{}", units, unit), "../" + unit);
    if (is_container_storage(volume)) put_storage_order(tree, storage);
  }
}

}  // namespace

std::string volume_label(const recipe::Volume& volume) { return "vol-" + short_name(volume); }

std::vector<std::string> container_storage(const ostree::Tree& tree) {
  std::vector<std::string> directories;
  for (const auto& runtime : agent::known_runtimes()) {
    if (tree.lookup(runtime.program))
      directories.insert(directories.end(), runtime.storage.begin(), runtime.storage.end());
  }
  return directories;
}

std::string render_volume_unit(const recipe::Volume& volume, const std::vector<std::string>& storage) {
  const bool for_containers = is_container_storage(volume);
  const std::string place = for_containers ? "--bind " + boost::algorithm::join(storage, " ") : "--at " + volume.use;
  const std::string before =
      for_containers ? boost::algorithm::join(storage_services(), " ") + " shutdown.target" : "shutdown.target";
  // No default dependencies: this belongs before basic.target's services without making basic.target wait for a device
  // that may not be there.
  return fmt::format(
      "[Unit]\n"
      "Description=Volume {0} for {1}\n"
      "DefaultDependencies=no\n"
      "RequiresMountsFor=/var/lib\n"
      "After=local-fs.target systemd-udevd.service systemd-journald.socket\n"
      "Before={2}\n"
      "Conflicts=shutdown.target\n"
      "\n"
      "[Service]\n"
      "Type=oneshot\n"
      "RemainAfterExit=yes\n"
      "ExecStart={3} mount {4} --filesystem {5} --label {6} {7}\n"
      "TimeoutStartSec=10min\n",
      volume.device, for_containers ? "containers" : volume.use, before, program_path, short_name(volume),
      volume.filesystem, volume_label(volume), place);
}

Layer volumes_layer(const std::vector<recipe::Volume>& volumes) {
  Layer layer;
  layer.name = "volumes";
  layer.inputs = fmt::format("program {}\n", sha256_hex(host_volume_program));
  // The tree, which the layer's identity has already, decides what stands for the storage.
  for (const auto& volume : volumes) layer.inputs += render_volume_unit(volume, {"STORAGE"});
  layer.make = [volumes](Context& context, const std::string& previous) {
    ostree::Transaction transaction(context.repository);
    ostree::Tree tree = open_labelled(context, previous);
    check_requirements(tree, volumes);
    put(tree, volumes);
    const std::string commit = commit_layer(context, tree, "volumes", previous);
    transaction.commit();
    return commit;
  };
  return layer;
}

}  // namespace compose::layers
