#include "disk/sysroot.hpp"

#include <array>
#include <set>

#include <sys/stat.h>

#include <fmt/format.h>

#include "disk/copy.hpp"
#include "disk/deployment.hpp"
#include "support/error.hpp"

namespace compose::disk {
namespace {

constexpr std::uint32_t directory_mode = S_IFDIR | 0755;
constexpr std::uint32_t file_mode = S_IFREG | 0644;
constexpr std::uint32_t link_mode = S_IFLNK | 0777;

// Everything of the physical root but repository objects and the deployment's content.
class RootBuilder {
 public:
  explicit RootBuilder(const SystemSpec& system) : system_(system), commit_(system.chain.commits.back()) {}

  Model build() {
    model_.nodes[root_node].meta = meta("/", directory_mode);
    model_.nodes[lost_and_found_node].meta = meta("/lost+found", S_IFDIR | 0700);
    directory(root_node, "/", "boot");
    const NodeId ostree = directory(root_node, "/", "ostree");
    model_.fix_entries(root_node);
    add_repository(ostree);
    const NodeId deployments = add_stateroot(ostree);
    add_boot_links(ostree);
    model_.fix_entries(ostree);
    for (auto& node : model_.nodes) node.time = generated_time;
    add_objects();
    add_deployment(deployments);
    return std::move(model_);
  }

 private:
  FileMeta meta(const std::string& path, std::uint32_t mode) const { return generated_meta(system_.disk, path, mode); }

  NodeId directory(NodeId parent, const std::string& parent_path, const std::string& name, std::size_t zone = base_zone,
                   std::uint32_t mode = directory_mode) {
    const std::string path = (fs::path(parent_path) / name).string();
    return model_.add_directory(parent, name, meta(path, mode), zone);
  }

  void file(NodeId parent, const std::string& path, std::string data, std::size_t zone) {
    model_.add_file(parent, fs::path(path).filename().string(), meta(path, file_mode), std::move(data), zone);
  }

  void link(NodeId parent, const std::string& path, std::string target, std::size_t zone) {
    model_.add_file(parent, fs::path(path).filename().string(), meta(path, link_mode), std::move(target), zone);
  }

  void add_repository(NodeId ostree) {
    const std::string path = "/ostree/repo";
    const NodeId repo = directory(ostree, "/ostree", "repo");
    file(repo, path + "/config", repository_config(), base_zone);
    directory(repo, path, "extensions");
    objects_ = directory(repo, path, "objects");
    const NodeId refs = directory(repo, path, "refs");
    const NodeId heads = directory(refs, path + "/refs", "heads");
    directory(refs, path + "/refs", "mirrors");
    const NodeId remotes = directory(refs, path + "/refs", "remotes");
    directory(repo, path, "state");
    directory(directory(repo, path, "tmp"), path + "/tmp", "cache");
    for (const NodeId id : {repo, refs}) model_.fix_entries(id);
    if (system_.disk.remote.empty()) {
      add_ref(heads, path + "/refs/heads", system_.disk.ref);
    } else {
      add_ref(remotes, path + "/refs/remotes", system_.disk.remote + "/" + system_.disk.ref);
    }
    add_ref(heads, path + "/refs/heads", "ostree/1/1/0");  // libostree's own, of the first deployment
  }

  std::string repository_config() const {
    const char* bootloader = system_.menu == BootMenu::syslinux ? "syslinux" : "none";
    return fmt::format("[core]\nrepo_version=1\nmode=bare\n\n[sysroot]\nbootloader={}\nreadonly=true\n", bootloader);
  }

  void add_ref(NodeId heads, std::string path, const std::string& ref) {
    NodeId parent = heads;
    const fs::path components(ref);
    for (const auto& component : components.parent_path()) {
      parent = ref_directory(parent, path, component.string());
      path += "/" + component.string();
    }
    file(parent, path + "/" + components.filename().string(), commit_.checksum + "\n", volatile_zone);
  }

  NodeId ref_directory(NodeId parent, const std::string& parent_path, const std::string& name) {
    for (const auto& entry : model_.nodes[parent].entries) {
      if (entry.name == name) return entry.node;
    }
    return directory(parent, parent_path, name, volatile_zone);
  }

  // As `ostree admin os-init` makes it, and the stamp that says that libostree has labelled /var.
  NodeId add_stateroot(NodeId ostree) {
    const NodeId deploy = directory(ostree, "/ostree", "deploy");
    const NodeId stateroot = directory(deploy, "/ostree/deploy", system_.disk.stateroot);
    const NodeId var = model_.add_directory(stateroot, "var", meta("/var", directory_mode), base_zone);
    file(var, "/var/.ostree-selabeled", "", base_zone);
    directory(var, "/var", "lib");
    link(var, "/var/lock", "../run/lock", base_zone);
    directory(var, "/var", "log");
    link(var, "/var/run", "../run", base_zone);
    directory(var, "/var", "tmp", base_zone, S_IFDIR | 01777);
    const std::string path = "/ostree/deploy/" + system_.disk.stateroot;
    const NodeId deployments = directory(stateroot, path, "deploy", volatile_zone);
    for (const NodeId id : {deploy, stateroot, var}) model_.fix_entries(id);
    return deployments;
  }

  void add_boot_links(NodeId ostree) {
    link(ostree, "/ostree/boot.1", "boot.1.1", base_zone);
    const NodeId boot = directory(ostree, "/ostree", "boot.1.1", volatile_zone);
    const std::string path = "/ostree/boot.1.1/" + system_.disk.stateroot;
    const NodeId os = directory(boot, "/ostree/boot.1.1", system_.disk.stateroot, volatile_zone);
    const NodeId kernel = directory(os, path, system_.kernel.bootcsum, volatile_zone);
    link(kernel, path + "/" + system_.kernel.bootcsum + "/0",
         fmt::format("../../../deploy/{}/deploy/{}.0", system_.disk.stateroot, commit_.checksum), volatile_zone);
  }

  void add_objects() {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::array<NodeId, 256> directories{};
    for (std::size_t i = 0; i < directories.size(); ++i) {
      const std::string name{digits[i / 16], digits[i % 16]};
      directories.at(i) = directory(objects_, "/ostree/repo/objects", name);
      model_.nodes[directories.at(i)].separate_additions = true;
    }
    model_.fix_entries(objects_);
    // Labels are looked up once: the policy knows no single objects.
    const FileMeta object_meta = meta("/ostree/repo/objects/00/object.dirtree", file_mode);
    deployment_.emplace(model_, system_.chain, system_.runs, directories, object_meta);
  }

  void add_deployment(NodeId deployments) {
    const std::string name = commit_.checksum + ".0";
    const NodeId root = deployment_->add(deployments, name, fstab());
    model_.nodes[root].immutable = true;
    FileMeta origin = meta("/etc/ostree/remotes.d/system.origin", file_mode);  // the label that libostree gives it
    const std::string remote = system_.disk.remote.empty() ? "" : system_.disk.remote + ":";
    model_.add_file(deployments, name + ".origin", std::move(origin),
                    "[origin]\nrefspec=" + remote + system_.disk.ref + "\n", volatile_zone);
  }

  Fstab fstab() const {
    return {fmt::format("UUID={} /boot ext4 defaults,nosuid,nodev 0 2\n", to_string(system_.identity.boot_filesystem)),
            meta("/etc/fstab", file_mode)};
  }

  const SystemSpec& system_;
  const Commit& commit_;
  Model model_;
  NodeId objects_ = no_node;
  std::optional<DeploymentBuilder> deployment_;
};

class BootBuilder {
 public:
  explicit BootBuilder(const SystemSpec& system) : system_(system) {}

  Model build(const std::vector<BootFile>& bootloader) {
    model_.nodes[root_node].meta = meta("/boot", directory_mode);
    model_.nodes[lost_and_found_node].meta = meta("/boot/lost+found", S_IFDIR | 0700);
    link("boot", ".");  // libostree's own: entries may say /boot/ostree or /ostree
    link("loader", "loader.1");
    for (const auto& [path, text] : menu()) add("loader.1/" + path, text);
    for (const auto& item : bootloader) add_boot_file(item);
    const Kernel& kernel = system_.kernel;
    const std::string folder = fmt::format("ostree/{}-{}/", system_.disk.stateroot, kernel.bootcsum);
    if (kernel.hmac != nullptr) add_object(folder + ".vmlinuz-" + kernel.version + ".hmac", *kernel.hmac);
    add_object(folder + "vmlinuz-" + kernel.version, *kernel.vmlinuz);
    add_object(folder + "initramfs-" + kernel.version + ".img", *kernel.initramfs);
    for (NodeId id = 0; id < model_.nodes.size(); ++id) {
      model_.fix_entries(id);
      model_.nodes[id].time = generated_time;
    }
    return std::move(model_);
  }

 private:
  FileMeta meta(const std::string& path, std::uint32_t mode) const { return generated_meta(system_.disk, path, mode); }

  // The same texts that libostree writes, byte for byte: it compares them before it decides to write.
  std::vector<std::pair<std::string, std::string>> menu() const {
    const Kernel& kernel = system_.kernel;
    const std::string folder = fmt::format("/ostree/{}-{}", system_.disk.stateroot, kernel.bootcsum);
    const std::string vmlinuz = fmt::format("{}/vmlinuz-{}", folder, kernel.version);
    const std::string initramfs = fmt::format("{}/initramfs-{}.img", folder, kernel.version);
    const std::string title = boot_title(system_.chain);
    const std::string options = kernel_arguments(system_);
    std::vector<std::pair<std::string, std::string>> files;
    files.emplace_back(
        fmt::format("entries/ostree-1-{}.conf", system_.disk.stateroot),
        fmt::format("title {}\nversion 1\noptions {}\nlinux {}\ninitrd {}\n", title, options, vmlinuz, initramfs));
    if (system_.menu == BootMenu::syslinux) {
      // Without a time (in tenths of a second), which libostree keeps, GRUB would load the default entry and not start
      // it.
      files.emplace_back(
          "syslinux.cfg",
          fmt::format("TIMEOUT 10\nDEFAULT {0}\nLABEL {0}\n\tKERNEL /boot{1}\n\tINITRD /boot{2}\n\tAPPEND {3}\n", title,
                      vmlinuz, initramfs, options));
    }
    return files;
  }

  void add_boot_file(const BootFile& item) {
    if (item.object != nullptr) {
      add_object(item.path, *item.object);
    } else if (!item.link.empty()) {
      link(item.path, item.link);
    } else {
      add(item.path, item.data);
    }
  }

  NodeId parent_of(const fs::path& path) {
    NodeId parent = root_node;
    fs::path done = "/boot";
    for (const auto& component : path.parent_path()) {
      done /= component;
      NodeId next = no_node;
      for (const auto& entry : model_.nodes[parent].entries) {
        if (entry.name == component.string()) next = entry.node;
      }
      parent = next != no_node
                   ? next
                   : model_.add_directory(parent, component.string(), meta(done.string(), directory_mode), base_zone);
    }
    return parent;
  }

  void add(const fs::path& path, std::string data) {
    model_.add_file(parent_of(path), path.filename().string(), meta("/boot/" + path.string(), file_mode),
                    std::move(data), base_zone);
  }

  void link(const fs::path& path, std::string target) {
    model_.add_file(parent_of(path), path.filename().string(), meta("/boot/" + path.string(), link_mode),
                    std::move(target), base_zone);
  }

  void add_object(const fs::path& path, const FileObject& object) {
    const NodeId parent = parent_of(path);
    FileMeta attributes = meta("/boot/" + path.string(), object.meta.mode);
    attributes.uid = object.meta.uid;
    attributes.gid = object.meta.gid;
    const NodeId id = model_.add_file(parent, path.filename().string(), std::move(attributes), "", base_zone);
    use_object(model_.nodes[id], object, find_runs(system_.chain.path_of(object), object.size_bytes));
  }

  const SystemSpec& system_;
  Model model_;
};

}  // namespace

FileMeta generated_meta(const DiskSpec& spec, const std::string& path, std::uint32_t mode) {
  FileMeta meta = root_owned(mode);
  const std::string label = spec.label ? spec.label(path, mode) : std::string();
  if (!label.empty()) meta.xattrs["security.selinux"] = label + std::string(1, '\0');
  return meta;
}

std::string kernel_arguments(const SystemSpec& system) {
  // gpt_auto: systemd's generator would try to make /efi in the immutable root directory.
  std::string arguments = fmt::format("root=UUID={} rw console=tty0 console=ttyS0,115200n8 systemd.gpt_auto=0",
                                      to_string(system.identity.root_filesystem));
  for (const auto& karg : system.disk.kargs) arguments += " " + karg;
  return arguments + fmt::format(" ostree=/ostree/boot.1/{}/{}/0", system.disk.stateroot, system.kernel.bootcsum);
}

Model make_root_model(const SystemSpec& system) { return RootBuilder(system).build(); }

Model make_boot_model(const SystemSpec& system, const std::vector<BootFile>& bootloader) {
  return BootBuilder(system).build(bootloader);
}

}  // namespace compose::disk
