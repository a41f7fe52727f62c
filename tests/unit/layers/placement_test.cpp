#include "layers/packages/placement.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::layers {
namespace {

rpm::PackageFile item(const std::string& path, std::uint32_t mode = S_IFREG | 0644U) {
  rpm::PackageFile file;
  file.path = path;
  file.mode = mode;
  file.user = "root";
  file.group = "root";
  if (S_ISLNK(mode)) file.link_target = "target";
  return file;
}

std::string path_of(const std::string& path) { return place(item(path), "p-1-1.noarch").path; }
std::string line_of(const rpm::PackageFile& file) { return place(file, "p-1-1.noarch").tmpfiles; }

TEST_CASE("packaged paths go where an atomic host has them") {
  CHECK(path_of("/usr/bin/x") == "/usr/bin/x");
  CHECK(path_of("/etc/x/y") == "/usr/etc/x/y");
  CHECK(path_of("/bin/x") == "/bin/x");  // by the tree's link
  CHECK(path_of("/lib64/x") == "/lib64/x");
  CHECK(path_of("/boot/vmlinuz-1") == "/usr/lib/ostree-boot/vmlinuz-1");
  CHECK(path_of("/usr/localx") == "/usr/localx");
  CHECK(path_of("/var/lib/alternatives/x") == "/usr/lib/alternatives/x");
  CHECK(place(item("/var/lib/alternatives", S_IFDIR | 0755U), "p").tmpfiles.empty());  // where something is in it
  CHECK(place(item("/", S_IFDIR | 0755U), "p").path.empty());
}

TEST_CASE("/opt is in /usr/lib/opt, with a link to each name in it") {
  const Placement placement = place(item("/opt/vendor/bin/x"), "p-1-1.noarch");
  CHECK(placement.path == "/usr/lib/opt/vendor/bin/x");
  CHECK(placement.tmpfiles == "L /var/opt/vendor - - - - ../../usr/lib/opt/vendor");
  CHECK(place(item("/opt", S_IFDIR | 0755U), "p").path.empty());
}

TEST_CASE("folders and links in /var and /run become tmpfiles.d lines with their owners by name") {
  rpm::PackageFile folder = item("/var/lib/agent", S_IFDIR | 02750U);
  folder.user = "agent";
  folder.group = "agents";
  CHECK(line_of(folder) == "d /var/lib/agent 2750 agent agents - -");
  CHECK(line_of(item("/run/agent", S_IFDIR | 0755U)) == "d /run/agent 0755 root root - -");
  CHECK(line_of(item("/var/run/agent", S_IFDIR | 0755U)) == "d /run/agent 0755 root root - -");
  CHECK(line_of(item("/var/lock/agent", S_IFDIR | 0755U)) == "d /run/lock/agent 0755 root root - -");
  CHECK(line_of(item("/var/lib/link", S_IFLNK | 0777U)) == "L /var/lib/link - - - - target");
  CHECK(line_of(item("/var", S_IFDIR | 0755U)).empty());
  CHECK(place(folder, "p").path.empty());
}

TEST_CASE("what tmpfiles.d would read as something else is escaped") {
  CHECK(line_of(item("/var/lib/a b%c\"d\\e", S_IFDIR | 0755U)) == "d \"/var/lib/a b%%c\\\"d\\\\e\" 0755 root root - -");
}

TEST_CASE("a file in /var is refused with the package, the path and what to do instead") {
  for (const char* path : {"/var/lib/agent/state", "/run/x", "/var/run/y"}) {
    CHECK_THROWS_WITH(place(item(path), "agent-1-1.noarch"),
                      Catch::Contains("agent-1-1.noarch") && Catch::Contains(path));
  }
  rpm::PackageFile ghost = item("/var/lib/agent/state");
  ghost.ghost = true;
  CHECK(place(ghost, "p").path.empty());
  CHECK(place(ghost, "p").tmpfiles.empty());
}

TEST_CASE("a file in /var is kept below /usr and copied by the host, where the recipe says so") {
  rpm::PackageFile file = item("/var/cache/x/a b.tar");
  file.mode = S_IFREG | 0640U;
  file.user = file.group = "x";
  CHECK_THROWS_WITH(place(file, "p-1-1.noarch"), Catch::Contains("'/var/cache/x/a b.tar'"));
  const Placement placement = place(file, "p-1-1.noarch", VarFiles::copy);
  CHECK(placement.path == "/usr/share/factory/var/cache/x/a b.tar");
  CHECK(placement.tmpfiles == "C \"/var/cache/x/a b.tar\" 0640 x x - /usr/share/factory/var/cache/x/a b.tar");
  CHECK_THROWS_WITH(place(item("/run/x"), "p-1-1.noarch", VarFiles::copy), Catch::Contains("'/run/x'"));
}

TEST_CASE("paths that are the host's own, and what is no file, folder or link, are refused") {
  for (const char* path : {"/home/x", "/root/.bashrc", "/srv/x", "/mnt/x", "/media/x", "/tmp/x", "/proc/x", "/sys/x",
                           "/dev/x", "/usr/local/bin/x", "/ostree/x", "/sysroot/x", "/x", "/usrx/y"}) {
    INFO(path);
    CHECK_THROWS_AS(path_of(path), Error);
  }
  for (const auto type : std::initializer_list<std::uint32_t>{S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, 0U}) {
    CHECK_THROWS_AS(place(item("/usr/lib/x", type | 0644U), "p"), Error);
  }
}

}  // namespace
}  // namespace compose::layers
