// Packages whose scripts call what scripts of real packages call: useradd, getent, systemctl, ldconfig and
// update-alternatives of this machine, in the sandbox of a real build.

#include <catch2/catch.hpp>

#include "ostree/tree.hpp"
#include "support/packages_project.hpp"

namespace compose::build {
namespace {

using nlohmann::json;
using tests::PackagesProject;
using tests::Spec;

// As Fedora has them: a group for each user, numbers below 1000, the linker's folders of a multi-arch Debian too.
const tests::MoreInBase& real_base() {
  static const tests::MoreInBase base{
      {"useradd", "groupadd", "getent", "systemctl", "ldconfig", "update-alternatives"},
      {{"usr/etc/login.defs", "USERGROUPS_ENAB yes\nUID_MIN 1000\nGID_MIN 1000\n"},
       {"usr/etc/shadow", "root:*:19000:0:99999:7:::\n"},
       {"usr/etc/gshadow", "root:*::\n"},
       {"usr/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n/usr/lib/x86_64-linux-gnu\n"},
       {"usr/etc/ld.so.cache", ""}}};
  return base;
}

std::string make_user(const std::string& name) {
  return "getent passwd " + name + " >/dev/null || useradd -r -s /sbin/nologin -d / " + name + "\n";
}

// A package with a folder of its user's.
Spec spec_with_user(const std::string& name) {
  Spec spec;
  spec.name = name;
  spec.body = "%install\nmkdir -p %{buildroot}/usr/lib/" + name + "\n%pre\n" + make_user(name) + "%files\n%attr(2750," +
              name + "," + name + ") /usr/lib/" + name + "\n";
  return spec;
}

// A service with a unit that its preset turns on, and a library of this machine in a folder of its own.
Spec daemon() {
  const std::string library =
      run_checked({"sh", "-c", "/sbin/ldconfig -p | sed -n 's/.*libz.so.1 .*=> //p' | head -n1 | tr -d '\\n'"});
  Spec spec;
  spec.name = "daemon";
  spec.arch = "x86_64";
  spec.body =
      "%install\ncd %{buildroot}\n"
      "mkdir -p usr/lib/daemon usr/lib/systemd/system usr/lib/systemd/system-preset etc/ld.so.conf.d\n"
      "cp -L " +
      library +
      " usr/lib/daemon/libz.so.1.2\n"
      "echo /usr/lib/daemon >etc/ld.so.conf.d/daemon.conf\n"
      "echo state >usr/lib/daemon/state\n"
      "printf '[Service]\\nExecStart=/usr/bin/sleep 1\\n[Install]\\nWantedBy=multi-user.target\\n' "
      ">usr/lib/systemd/system/daemon.service\n"
      "echo 'enable daemon.service' >usr/lib/systemd/system-preset/50-daemon.preset\n"
      "%pre\ngetent group daemons >/dev/null || groupadd -r daemons\n" +
      make_user("daemond") +
      "%post\nset -e\nsystemctl preset daemon.service\nldconfig\n"
      "%files\n/usr/lib/systemd\n/etc/ld.so.conf.d/daemon.conf\n%dir /usr/lib/daemon\n/usr/lib/daemon/libz.so.1.2\n"
      "%attr(0640,daemond,daemons) /usr/lib/daemon/state\n";
  return spec;
}

std::set<std::string> names_in(const ostree::Tree& tree, const std::string& folder) {
  std::set<std::string> names;
  for (const auto& [name, kind] : tree.list(folder)) names.insert(name);
  return names;
}

std::string line_of(const ostree::Tree& tree, const std::string& path, const std::string& name) {
  std::istringstream lines(tree.read(path));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name + ":")) return line;
  return {};
}

TEST_CASE("real useradd, systemctl preset and ldconfig in scripts: users, units and libraries as on a host") {
  PackagesProject project(real_base());
  project.publish({daemon()});
  project.write_recipe({"install = [\"daemon\"]"});
  const json ids = project.resolve()["ids"];
  const json report = project.build();
  auto repository = ostree::Repository::open(project.repository());
  const ostree::Tree tree(repository, report["commit"].get<std::string>());

  const auto user = ids["users"]["daemond"].get<std::uint32_t>();
  const auto group = ids["groups"]["daemond"].get<std::uint32_t>();
  const auto other = ids["groups"]["daemons"].get<std::uint32_t>();
  CHECK(ids["users"].size() == 1);
  CHECK(ids["groups"].size() == 2);
  const auto state = tree.lookup("/usr/lib/daemon/state");
  REQUIRE(state);
  CHECK(state->meta.uid == user);
  CHECK(state->meta.gid == other);
  CHECK(state->meta.mode == (S_IFREG | 0640U));
  CHECK(line_of(tree, "/usr/etc/passwd", "daemond") == fmt::format("daemond:x:{}:{}::/:/sbin/nologin", user, group));
  CHECK(line_of(tree, "/usr/etc/group", "daemons") == fmt::format("daemons:x:{}:", other));
  CHECK(line_of(tree, "/usr/etc/shadow", "daemond") == "daemond:!:::::::");
  CHECK(line_of(tree, "/usr/etc/shadow", "root") == "root:*:19000:0:99999:7:::");

  const auto wanted = tree.lookup("/usr/etc/systemd/system/multi-user.target.wants/daemon.service");
  REQUIRE(wanted);
  CHECK(wanted->symlink_target.ends_with("/lib/systemd/system/daemon.service"));  // /usr before it, or the link to it

  // The base's libraries and the package's, whose link ldconfig made.
  CHECK(tree.lookup("/usr/lib/daemon/libz.so.1")->symlink_target == "libz.so.1.2");
  const fs::path cache = project.folder() / "ld.so.cache";
  write_file_atomically(cache, tree.read("/usr/etc/ld.so.cache"));
  const std::string cached = run_checked({"/sbin/ldconfig", "-p", "-C", cache.string()});
  CHECK(cached.find("=> /usr/lib/daemon/libz.so.1\n") != std::string::npos);
  CHECK(cached.find("libc.so.6") != std::string::npos);

  const ostree::Tree base(repository, report["layers"][0]["commit"].get<std::string>());
  std::set<std::string> names = names_in(base, "/usr/etc");
  names.insert({"ld.so.conf.d", "systemd"});  // and no locks or backups
  CHECK(names_in(tree, "/usr/etc") == names);
  CHECK(project.build_as_nobody()["commit"] == report["commit"]);
}

TEST_CASE("a user that useradd makes keeps its number, whoever else comes before it") {
  PackagesProject project(real_base());
  project.publish({spec_with_user("mmm"), spec_with_user("aaa")});
  project.write_recipe({"install = [\"mmm\"]"});
  const json first = project.resolve()["ids"];
  project.write_recipe({"install = [\"mmm\", \"aaa\"]"});
  const json ids = project.resolve()["ids"];
  for (const char* kind : {"users", "groups"}) {
    CHECK(ids[kind]["mmm"] == first[kind]["mmm"]);
    CHECK(ids[kind]["aaa"] != first[kind]["mmm"]);
  }
  const json report = project.build();
  auto repository = ostree::Repository::open(project.repository());
  const ostree::Tree tree(repository, report["commit"].get<std::string>());
  for (const std::string name : {"aaa", "mmm"}) {
    const auto folder = tree.lookup("/usr/lib/" + name);
    CHECK(folder->meta.uid == ids["users"][name].get<std::uint32_t>());
    CHECK(folder->meta.gid == ids["groups"][name].get<std::uint32_t>());
    CHECK(folder->meta.mode == (S_IFDIR | 02750U));
  }
  CHECK(project.build_as_nobody()["commit"] == report["commit"]);
}

TEST_CASE("what a script tells alternatives is in the tree, and the host finds it in /var") {
  PackagesProject project(real_base());
  Spec spec = tests::spec_with_file("viewer", "/usr/bin/viewer-1", "one");
  spec.body +=
      "%dir /var/lib/alternatives\n%dir /etc/alternatives\n"
      "%post\nupdate-alternatives --admindir /var/lib/alternatives --log /dev/null --quiet "
      "--install /usr/bin/viewer viewer /usr/bin/viewer-1 10\n";
  spec.body.insert(spec.body.find("%files"),
                   "mkdir -p %{buildroot}/var/lib/alternatives %{buildroot}/etc/alternatives\n");
  project.publish({spec});
  project.write_recipe({"install = [\"viewer\"]"});
  project.resolve();
  const json report = project.build();
  auto repository = ostree::Repository::open(project.repository());
  const ostree::Tree tree(repository, report["commit"].get<std::string>());
  CHECK(tree.lookup("/usr/bin/viewer")->symlink_target == "/etc/alternatives/viewer");
  CHECK(tree.lookup("/usr/etc/alternatives/viewer")->symlink_target == "/usr/bin/viewer-1");
  CHECK(tree.read("/usr/lib/alternatives/viewer").find("/usr/bin/viewer-1\n10\n") != std::string::npos);
  CHECK(names_in(tree, "/usr/lib/alternatives") == std::set<std::string>{"viewer"});
  CHECK(tree.read("/usr/lib/tmpfiles.d/packages-var.conf")
            .find("\nL /var/lib/alternatives - - - - ../../usr/lib/"
                  "alternatives\n") != std::string::npos);
  CHECK(project.build_as_nobody()["commit"] == report["commit"]);
}

}  // namespace
}  // namespace compose::build
