#pragma once
// What a profile adds to a tree: as text for golden files, and in a folder that systemd's programs take for a host's
// root.

#include <sys/stat.h>

#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/algorithm/string/replace.hpp>
#include <boost/filesystem/operations.hpp>

#include "agent/render.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::tests {

// Each entry with its mode and owner, and what is in it.
inline std::string as_text(const std::vector<agent::GeneratedFile>& files) {
  std::string text;
  for (const agent::GeneratedFile& file : files) {
    text += fmt::format("==> {:o} {}:{} {}{}\n{}", file.meta.mode, file.meta.uid, file.meta.gid, file.path,
                        file.symlink_target.empty() ? "" : " -> " + file.symlink_target, file.content);
  }
  return text;
}

inline void put(const fs::path& path, const std::string& content, mode_t mode = 0644) {
  fs::create_directories(path.parent_path());
  write_file_atomically(path, content, mode);
}

inline bool installed(const std::string& program) { return run({"sh", "-c", "command -v " + program}).exit_code == 0; }

// A host's root with the units that matter to an agent's place in the boot order.
struct HostRoot {
  TemporaryDirectory directory{fs::temp_directory_path(), "root-"};

  HostRoot(const std::vector<agent::GeneratedFile>& files, bool with_cloud_init) {
    unit("basic.target", "[Unit]\n");
    unit("multi-user.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n");
    for (const char* target :
         {"sysinit.target", "sockets.target", "paths.target", "network-online.target", "shutdown.target"})
      unit(target, "[Unit]\n");
    unit("docker.socket", "[Socket]\nListenStream=/run/docker.sock\n");
    unit("docker.service",
         "[Unit]\nAfter=network-online.target "
         "docker.socket\nRequires=docker.socket\n[Service]\nExecStart=/usr/bin/docker\n");
    if (with_cloud_init) add_cloud_init();
    for (const char* name : {"usr/bin/docker", "usr/bin/systemctl"}) put(path(name), "#!/bin/sh\n", 0755);
    for (const agent::GeneratedFile& file : files) add(file);
    fs::create_symlink("usr/lib", path("lib"));
  }

  fs::path path(const std::string& name) const { return directory.path() / name; }
  void unit(const std::string& name, const std::string& text) const {
    put(path("usr/lib/systemd/system/" + name), text);
  }
  void want(const std::string& target, const std::string& name) const {
    fs::create_directories(path("etc/systemd/system/" + target + ".wants"));
    fs::create_symlink("/usr/lib/systemd/system/" + name, path("etc/systemd/system/" + target + ".wants/" + name));
  }

  // The ordering of Debian's and Fedora's cloud-init packages.
  void add_cloud_init() const {
    const std::string oneshot = "[Service]\nType=oneshot\nExecStart=/usr/bin/docker\n";
    unit("cloud-init.target", "[Unit]\nAfter=multi-user.target\n");
    unit("cloud-init.service",
         "[Unit]\nDefaultDependencies=no\nBefore=network-online.target sysinit.target\n" + oneshot);
    unit("cloud-final.service",
         "[Unit]\nAfter=network-online.target multi-user.target\nWants=network-online.target\n" + oneshot);
    want("multi-user.target", "cloud-init.target");
    want("cloud-init.target", "cloud-init.service");
    want("cloud-init.target", "cloud-final.service");
  }

  void add(const agent::GeneratedFile& file) const {
    const fs::path target = path(boost::algorithm::replace_first_copy(file.path, "/usr/etc/", "/etc/"));
    if (S_ISLNK(file.meta.mode)) {
      fs::create_directories(target.parent_path());
      fs::create_symlink(file.symlink_target, target);
    } else if (S_ISREG(file.meta.mode)) {
      put(target, file.content, file.meta.mode & 07777U);
    }
  }

  // What systemd says about the units; nothing when all is well.
  std::string verify(const std::string& unit) const {
    return run({"systemd-analyze", "verify", "--man=no", "--root=" + directory.path().string(), "multi-user.target",
                unit})
        .err;
  }
};

}  // namespace compose::tests
