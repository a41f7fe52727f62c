#pragma once
// A tree in memory, for the contract's rules, and one that is a good host for container agents.

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "agent/host_tree.hpp"
#include "agent/render.hpp"

namespace compose::tests {

class MemoryTree final : public agent::TreeReader {
 public:
  using Kind = agent::TreeEntry::Kind;

  void file(const std::string& path, const std::string& content = "", std::uint32_t mode = 0644) {
    put(path, {Kind::file, mode, {}}, content);
  }
  void program(const std::string& path) { file(path, "#!/bin/sh\n", 0755); }
  void link(const std::string& path, const std::string& target) { put(path, {Kind::symlink, 0777, target}, ""); }
  void directory(const std::string& path) { put(path, {Kind::directory, 0755, {}}, ""); }
  void remove(const std::string& path) { entries_.erase(path); }
  void unit(const std::string& name, const std::string& text) { file("/usr/lib/systemd/system/" + name, text); }

  // What a profile adds, and its image.
  void put(const agent::Profile& profile, const agent::Settings& settings) {
    for (const agent::GeneratedFile& generated : agent::render(profile, settings)) {
      const std::uint32_t mode = generated.meta.mode & 07777U;
      if (S_ISDIR(generated.meta.mode)) {
        directory(generated.path);
      } else if (S_ISLNK(generated.meta.mode)) {
        link(generated.path, generated.symlink_target);
      } else {
        file(generated.path, generated.content, mode);
      }
    }
    file(profile.image_archive);
  }

  agent::TreeEntry look(const std::string& path) const override {
    const auto found = entries_.find(path);
    return found == entries_.end() ? agent::TreeEntry() : found->second.entry;
  }
  std::vector<std::string> names_in(const std::string& directory) const override {
    std::vector<std::string> names;
    const std::string prefix = directory == "/" ? "/" : directory + "/";
    for (auto it = entries_.lower_bound(prefix); it != entries_.end() && it->first.starts_with(prefix); ++it) {
      const std::string name = it->first.substr(prefix.size());
      if (!name.empty() && name.find('/') == std::string::npos) names.push_back(name);
    }
    return names;
  }
  std::string read(const std::string& path) const override { return entries_.at(path).content; }

 private:
  struct Entry {
    agent::TreeEntry entry;
    std::string content;
  };

  void put(const std::string& path, const agent::TreeEntry& entry, const std::string& content) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
      entries_.try_emplace(path.substr(0, slash), Entry{{Kind::directory, 0755, {}}, ""});
    entries_[path] = {entry, content};
  }

  std::map<std::string, Entry> entries_;
};

// With docker and podman, cloud-init, what agents call, and the links of an OSTree host.
inline MemoryTree good_host() {
  MemoryTree tree;
  for (const char* path : {"/usr/lib", "/usr/lib64", "/usr/sbin", "/usr/bin", "/usr/etc/ssl", "/usr/etc/alternatives",
                           "/run", "/var", "/tmp", "/usr/lib/modules"})
    tree.directory(path);
  for (const char* name : {"bin", "sbin", "lib", "lib64"})
    tree.link(std::string("/") + name, std::string("usr/") + name);
  for (const char* name : {"mnt", "opt", "srv"}) tree.link(std::string("/") + name, std::string("var/") + name);
  for (const char* name : {"docker", "podman", "cloud-init", "lsblk", "nsenter", "mount", "sudo"})
    tree.program(std::string("/usr/bin/") + name);
  for (const char* name : {"sysctl", "useradd"}) tree.program(std::string("/usr/sbin/") + name);
  tree.link("/usr/sbin/iptables", "/etc/alternatives/iptables");
  tree.link("/usr/etc/alternatives/iptables", "/usr/sbin/iptables-nft");
  tree.link("/usr/sbin/iptables-nft", "xtables-nft-multi");
  tree.program("/usr/sbin/xtables-nft-multi");
  tree.link("/usr/bin/awk", "/etc/alternatives/awk");
  tree.link("/usr/etc/alternatives/awk", "../../usr/bin/mawk");
  tree.program("/usr/bin/mawk");
  for (const char* name : {"docker", "podman"}) {
    tree.unit(std::string(name) + ".service", "[Service]\nExecStart=/usr/bin/true\n[Install]\nWantedBy=a.target\n");
  }
  tree.unit("docker.socket", "[Socket]\nListenStream=/run/docker.sock\n[Install]\nWantedBy=sockets.target\n");
  tree.unit("podman.socket", "[Socket]\nListenStream=%t/podman/podman.sock\n[Install]\nWantedBy=sockets.target\n");
  tree.file("/usr/lib/tmpfiles.d/var.conf",
            "q /var 0755 - - -\nL /var/run - - - - ../run\nd /var/log 0755 - - -\nd /var/lib 0755 - - -\n"
            "d /run/lock 0755 root root -\n");
  tree.file("/usr/lib/systemd/system-preset/99-disable.preset", "disable *\n");
  tree.file("/usr/etc/selinux/config", "# comment\nSELINUX=permissive\nSELINUXTYPE=default\n");
  return tree;
}

}  // namespace compose::tests
