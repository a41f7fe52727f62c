#pragma once
// A commit that looks like an OSTree operating system and has everything in it that is hard to get right on a disk.

#include <string>

#include <fmt/format.h>

#include "support/scratch_repository.hpp"

namespace compose::tests {

// The same bytes for the same seed, and never long runs of zeros.
inline std::string noise(std::size_t bytes, std::uint64_t seed) {
  std::string text(bytes, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
  for (char& c : text) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    c = static_cast<char>(state >> 32U);
  }
  return text;
}

inline Xattrs labelled(const std::string& type, Xattrs more = {}) {
  more["security.selinux"] = "system_u:object_r:" + type + ":s0" + std::string(1, '\0');
  return more;
}

inline FileMeta os_file(std::uint32_t mode = 0644, const std::string& type = "usr_t", Xattrs more = {}) {
  return file_meta(mode, 0, 0, labelled(type, std::move(more)));
}

inline void fill_top_level(ostree::Tree& tree) {
  FileMeta plain = directory_meta();
  plain.xattrs = labelled("root_t");
  for (const char* path :
       {"/boot", "/dev", "/proc", "/run", "/sys", "/sysroot", "/usr", "/var", "/usr/bin", "/usr/share"}) {
    tree.put_directory(path, plain);
  }
  tree.put_directory("/tmp", directory_meta(01777));
  tree.put_symlink("/bin", "usr/bin");
  tree.put_symlink("/home", "var/home");
  tree.put_symlink("/ostree", "sysroot/ostree");
  tree.put_file("/usr/lib/os-release", os_file(), "ID=fixture\nPRETTY_NAME=\"Fixture OS 7 \\\"seven\\\"\"\n");
  tree.put_file("/usr/lib/modules/6.6.6-fixture/vmlinuz", os_file(0755, "modules_object_t"), noise(300000, 1));
  tree.put_file("/usr/lib/modules/6.6.6-fixture/initramfs.img", os_file(0600, "modules_object_t"), noise(900000, 2));
}

inline void fill_etc(ostree::Tree& tree) {
  FileMeta etc = directory_meta();
  etc.xattrs = labelled("etc_t");
  tree.put_directory("/usr/etc", etc);
  tree.put_file("/usr/etc/passwd", os_file(0644, "passwd_file_t"), "root:x:0:0:root:/root:/bin/sh\n");
  tree.put_file("/usr/etc/shadow", file_meta(0640, 0, 42, labelled("shadow_t")), "root:*:::::::\n");
  tree.put_file("/usr/etc/fstab", os_file(0644, "etc_t"), "# no entries here\n\n");
  tree.put_file("/usr/etc/empty", os_file(0600, "etc_t"), "");
  tree.put_symlink("/usr/etc/os-release", "../usr/lib/os-release");
  tree.put_directory("/usr/etc/private", directory_meta(0750, 0, 42));
  tree.put_file("/usr/etc/private/key", file_meta(0400, 7, 8), noise(5000, 3));
}

inline void fill_hard_cases(ostree::Tree& tree) {
  const std::string capability("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  tree.put_file("/usr/bin/su", os_file(04755, "su_exec_t"), noise(70000, 4));
  tree.put_file("/usr/bin/ssh-agent", file_meta(02755, 0, 101, labelled("ssh_agent_exec_t")), noise(30000, 5));
  tree.put_file("/usr/bin/ping", os_file(0755, "ping_exec_t", {{"security.capability", capability}}), noise(50000, 6));
  tree.put_file("/usr/share/attributes",
                os_file(0644, "usr_t", {{"user.large", noise(3500, 7)}, {"user.small", "x"}, {"user.none", ""}}), "a");
  tree.put_file("/usr/share/other-owner", file_meta(0604, 1234567, 7654321, {{"user.comment", std::string(60, 'c')}}),
                "b");
  tree.put_file("/usr/share/" + std::string(255, 'n'), os_file(), "long name");
  tree.put_file("/usr/share/a name, with \xc3\xbc", os_file(), "c");
  tree.put_symlink("/usr/share/long-link", "../" + std::string(300, 'l'), {0, 0, S_IFLNK | 0777, labelled("usr_t")});
  tree.put_symlink("/usr/share/link-59", std::string(59, 'l'));
  tree.put_symlink("/usr/share/link-60", std::string(60, 'l'));
  for (const char* name : {"one", "two", "three"})
    tree.put_file(std::string("/usr/share/same/") + name, os_file(), "the same bytes");
  for (const char* name : {"one", "two"}) tree.put_file(std::string("/usr/share/empty/") + name, os_file(), "");
  tree.put_file("/usr/share/zeros", os_file(), std::string(3U << 20U, '\0'));
  std::string sparse(4U << 20U, '\0');
  for (std::size_t at = 0; at < sparse.size(); at += 256U << 10U)
    sparse.replace(at, 64U << 10U, noise(64U << 10U, at + 1));
  tree.put_file("/usr/share/sparse", os_file(), sparse);
}

inline void fill_crowded_directory(ostree::Tree& tree) {
  for (int i = 0; i < 20000; ++i) {
    tree.put_file(fmt::format("/usr/share/crowd/file-{:05}-with-a-name", i), os_file(),
                  fmt::format("content {}\n", i % 7));
  }
}

// Many small files and a few larger ones, as an operating system has.
inline void fill_plain_files(ostree::Tree& tree, int count) {
  for (int i = 0; i < count; ++i) {
    const std::size_t size = i % 50 == 0 ? 600000 : static_cast<std::size_t>(100 + i * 37 % 20000);
    tree.put_file(fmt::format("/usr/lib/part-{:02}/file-{:04}", i % 40, i), os_file(),
                  noise(size, 1000U + static_cast<std::uint64_t>(i)));
  }
}

inline ostree::CommitMetadata os_metadata(const std::string& version) {
  ostree::CommitMetadata metadata;
  metadata.strings = {{"version", version}, {"ostree.linux", "6.6.6-fixture"}};
  metadata.booleans = {{"ostree.bootable", true}};
  return metadata;
}

}  // namespace compose::tests
