#include "layers/packages/users.hpp"

#include <catch2/catch.hpp>

#include "layers/packages/sysusers.hpp"
#include "support/error.hpp"
#include "support/scratch_repository.hpp"

using namespace compose;
using namespace compose::layers;
using namespace compose::tests;
using Catch::Contains;

namespace {

rpm::PackageInfo package(const std::string& name, const std::vector<std::string>& files = {},
                         const std::string& user = "root", const std::string& group = "root") {
  rpm::PackageInfo info;
  info.nevra.name = name;
  for (const auto& path : files) {
    rpm::PackageFile file;
    file.path = path;
    file.user = user;
    file.group = group;
    info.files.push_back(std::move(file));
  }
  return info;
}

void fill_debian_like(ostree::Tree& tree) {
  tree.put_file("/usr/etc/passwd", file_meta(),
                "root:x:0:0:root:/root:/bin/sh\nsystemd-network:x:998:998::/:/usr/sbin/nologin\n");
  tree.put_file("/usr/etc/group", file_meta(), "root:x:0:\nadm:x:4:\ndocker:x:999:\nsystemd-network:x:998:\n");
  tree.put_file("/usr/etc/shadow", file_meta(0640, 0, 42),
                "root:*:19000:0:99999:7:::\nsystemd-network:!*:19000::::::\n");
  tree.put_file("/usr/etc/gshadow", file_meta(0640, 0, 42), "root:*::\nadm:*::\n");
}

void fill_fedora_like(ostree::Tree& tree) {
  tree.put_file("/usr/etc/passwd", file_meta(), "root:x:0:0:root:/root:/bin/bash\n");
  tree.put_file("/usr/etc/group", file_meta(), "root:x:0:\nwheel:x:10:\n");
  tree.put_file("/usr/etc/shadow", file_meta(0000), "root:!locked::0:99999:7:::\n");
  tree.put_file("/usr/lib/passwd", file_meta(), "root:x:0:0:root:/root:/bin/bash\nbin:x:1:1:bin:/bin:/sbin/nologin\n");
  tree.put_file("/usr/lib/group", file_meta(), "root:x:0:\nbin:x:1:\nadm:x:4:\n");
}

// A base, packages with sysusers.d files, what scripts do to the tree; then the tree as text.
struct Run {
  ScratchRepository repository;
  std::string base;
  std::vector<rpm::PackageInfo> packages;
  std::map<std::string, std::string> sysusers;  // path -> text
  lock::Lock::Ids pins;
  std::function<void(ostree::Tree&)> scripts = [](ostree::Tree&) {};
  UserNumbers numbers;
  std::map<std::string, std::string> files;

  explicit Run(const std::function<void(ostree::Tree&)>& fill) { base = repository.commit(fill); }

  void declare(const std::string& name, const std::string& text) {
    packages.push_back(package(name, {"/usr/lib/sysusers.d/" + name + ".conf"}));
    sysusers["/usr/lib/sysusers.d/" + name + ".conf"] = text;
  }

  void go() {
    repository.commit(
        [&](ostree::Tree& tree) {
          for (const auto& [path, text] : sysusers) tree.put_file(path, file_meta(), text);
          PackageUsers users(ostree::Tree(repository.get(), base), pins);
          users.begin(tree, packages);
          scripts(tree);
          numbers = users.finish(tree);
          for (const std::string path : {"/usr/etc/passwd", "/usr/etc/group", "/usr/etc/shadow", "/usr/etc/gshadow",
                                         "/usr/lib/passwd", "/usr/lib/group"}) {
            if (tree.lookup(path)) files[path] = tree.read(path);
          }
          for (const auto& [name, kind] : tree.list("/usr/etc")) files["listing"] += name + " ";
        },
        base);
  }
};

void append(ostree::Tree& tree, const std::string& path, const std::string& text) {
  tree.put_file(path, tree.lookup(path)->meta, tree.read(path) + text);
}

}  // namespace

TEST_CASE("Declared users get fixed numbers, or the next free one downwards from 999") {
  Run run(fill_debian_like);
  run.declare("agent", "g readers 700\nu agent -:readers\nu! other 400:readers\nu systemd-network -\n");
  run.declare("ecs", "# comment\n\nu ecs - \"Amazon ECS\" /var/lib/ecs /bin/sh\nu fixed 321\nm ecs adm\nm ecs extra\n");
  run.go();
  CHECK(run.files["/usr/etc/passwd"] ==
        "root:x:0:0:root:/root:/bin/sh\nsystemd-network:x:998:998::/:/usr/sbin/nologin\n"
        "other:x:400:700::/:/usr/sbin/nologin\nfixed:x:321:321::/:/usr/sbin/nologin\n"
        "agent:x:997:700::/:/usr/sbin/nologin\necs:x:996:996:Amazon ECS:/var/lib/ecs:/bin/sh\n");
  CHECK(run.files["/usr/etc/group"] ==
        "root:x:0:\nadm:x:4:ecs\ndocker:x:999:\nsystemd-network:x:998:\n"
        "readers:x:700:\nfixed:x:321:\necs:x:996:\nextra:x:995:ecs\n");
  CHECK_THAT(run.files["/usr/etc/shadow"], Catch::EndsWith("agent:!*:::::::\necs:!*:::::::\n"));
  CHECK(run.numbers.users.at("ecs") == 996);
  CHECK(run.numbers.users.at("root") == 0);
  CHECK(run.numbers.added.users ==
        std::map<std::string, std::uint32_t>{{"agent", 997}, {"ecs", 996}, {"fixed", 321}, {"other", 400}});
  CHECK(run.numbers.added.groups ==
        std::map<std::string, std::uint32_t>{{"ecs", 996}, {"extra", 995}, {"fixed", 321}, {"readers", 700}});
}

TEST_CASE("The lock's numbers win, for declared users and for those that scripts make, and nobody else gets them") {
  Run run(fill_debian_like);
  run.pins = {{{"ecs", 555}, {"made", 556}, {"gone", 997}}, {{"ecs", 557}, {"made", 556}}};
  run.declare("ecs", "u ecs -\nu later -\n");
  run.scripts = [](ostree::Tree& tree) {
    append(tree, "/usr/etc/group", "made:x:995:\nthief:x:556:\n");
    append(tree, "/usr/etc/passwd", "made:x:995:995::/:/bin/sh\nthief:x:556:556::/:/bin/sh\n");
  };
  run.go();
  CHECK(run.numbers.added.users ==
        std::map<std::string, std::uint32_t>{{"ecs", 555}, {"later", 996}, {"made", 556}, {"thief", 994}});
  CHECK(run.numbers.added.groups.at("ecs") == 557);
  CHECK(run.numbers.added.groups.at("made") == 556);
  CHECK(run.numbers.added.groups.at("thief") == 994);
  CHECK_THAT(run.files["/usr/etc/passwd"],
             Contains("ecs:x:555:557:") && Contains("made:x:556:556:") && Contains("thief:x:994:994:"));
}

TEST_CASE("What useradd leaves is cleaned: dates, locks and backups") {
  Run run(fill_debian_like);
  run.scripts = [](ostree::Tree& tree) {
    append(tree, "/usr/etc/passwd", "made:x:997:997::/:/bin/sh\n");
    append(tree, "/usr/etc/group", "made:x:997:\n");
    append(tree, "/usr/etc/shadow", "made:!:20783::::::\n");
    for (const char* name : {"passwd-", "group-", "shadow-", ".pwd.lock"})
      tree.put_file(std::string("/usr/etc/") + name, file_meta(), "x");
  };
  run.go();
  CHECK_THAT(run.files["/usr/etc/shadow"], Catch::EndsWith("systemd-network:!*:19000::::::\nmade:!:::::::\n"));
  CHECK(run.files["listing"] == "group gshadow passwd shadow ");
}

TEST_CASE("With nss-altfiles scripts see all accounts in /etc, and new ones end up in /usr/lib") {
  Run run(fill_fedora_like);
  run.declare("ecs", "u ecs -\n");
  run.scripts = [](ostree::Tree& tree) {
    CHECK(tree.read("/usr/etc/passwd") ==
          "root:x:0:0:root:/root:/bin/bash\nbin:x:1:1:bin:/bin:/sbin/nologin\necs:x:999:999::/:/usr/sbin/nologin\n");
    append(tree, "/usr/etc/passwd", "made:x:998:998::/:/bin/sh\n");
    append(tree, "/usr/etc/group", "made:x:998:\n");
    append(tree, "/usr/etc/shadow", "made:!:20783::::::\n");
    std::string group = tree.read("/usr/etc/group");
    group.replace(group.find("adm:x:4:"), 8, "adm:x:4:made");
    tree.put_file("/usr/etc/group", file_meta(), group);
  };
  run.go();
  CHECK(run.files["/usr/etc/passwd"] == "root:x:0:0:root:/root:/bin/bash\n");
  CHECK(run.files["/usr/etc/group"] == "root:x:0:\nwheel:x:10:\n");
  CHECK(run.files["/usr/etc/shadow"] == "root:!locked::0:99999:7:::\n");
  CHECK(run.files["/usr/lib/passwd"] ==
        "root:x:0:0:root:/root:/bin/bash\nbin:x:1:1:bin:/bin:/sbin/nologin\n"
        "ecs:x:999:999::/:/usr/sbin/nologin\nmade:x:998:998::/:/bin/sh\n");
  CHECK(run.files["/usr/lib/group"] == "root:x:0:\nbin:x:1:\nadm:x:4:made\necs:x:999:\nmade:x:998:\n");
}

TEST_CASE("Two claims to one number are refused, naming both") {
  Run run(fill_debian_like);
  run.declare("a", "u one 321\n");
  run.declare("b", "u two 321\n");
  CHECK_THROWS_WITH(run.go(),
                    "the user 'two' (/usr/lib/sysusers.d/b.conf:1 of b) wants the number 321, which 'one' "
                    "(/usr/lib/sysusers.d/a.conf:1 of a) has");
  Run base(fill_debian_like);
  base.declare("a", "u one 998\n");
  CHECK_THROWS_WITH(base.go(), Contains("wants the number 998, which 'systemd-network' of the base has"));
  Run scripts(fill_debian_like);
  scripts.scripts = [](ostree::Tree& tree) {
    append(tree, "/usr/etc/passwd", "x:x:700:4::/:/bin/sh\ny:x:700:4::/:/bin/sh\n");
  };
  CHECK_THROWS_WITH(scripts.go(), "the users 'x' and 'y' have the same number, 700");
  Run pinned(fill_debian_like);
  pinned.pins.users = {{"ecs", 998}};
  CHECK_THROWS_WITH(pinned.go(),
                    "the lock has the number 998 for the user 'ecs', but the base has it for 'systemd-network'");
}

TEST_CASE("A script may not remove the base's accounts, renumber them or set their passwords") {
  const auto refused = [](const std::string& file, const std::string& from, const std::string& to) {
    Run run(fill_debian_like);
    run.scripts = [&](ostree::Tree& tree) {
      std::string text = tree.read(file);
      text.replace(text.find(from), from.size(), to);
      tree.put_file(file, file_meta(), text);
    };
    try {
      run.go();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refused("/usr/etc/group", "adm:x:4:\n", "") == "a script of a package removed the group 'adm'");
  CHECK(refused("/usr/etc/passwd", "x:998:998", "x:0:998") ==
        "a script of a package changed the number of 'systemd-network'");
  CHECK(refused("/usr/etc/shadow", "root:*:", "root::") == "a script of a package changed the password of 'root'");
}

TEST_CASE("Lines that sysusers.d(5) does not have are refused with their place") {
  CHECK_THROWS_WITH(parse_sysusers("u a -\nx b -\n", "f.conf"),
                    "f.conf:2: 'x' is not a type of line: expected u, g, m or r");
  CHECK_THROWS_WITH(parse_sysusers("u a:b -\n", "f.conf"), "f.conf:1: 'a:b' is not the name of a user or group");
  CHECK_THROWS_WITH(parse_sysusers("u a - \"no end\n", "f.conf"), "f.conf:1: a quotation mark is not closed");
  CHECK_THROWS_WITH(parse_sysusers("u a - \"x:0:0\" /\n", "f.conf"), Contains("cannot have a colon"));
}

TEST_CASE("Owners that nobody makes are told with package, path and user, and in tmpfiles.d too") {
  ScratchRepository repository;
  const std::string commit = repository.commit([](ostree::Tree& tree) {
    tree.put_file("/usr/lib/tmpfiles.d/a.conf", file_meta(),
                  "# x\nd /var/lib/a 0750 ecs :nobodies - -\nd /run/a\nd /run/b 0755 0 0\n");
  });
  const ostree::Tree tree(repository.get(), commit);
  UserNumbers numbers{{{"root", 0}}, {{"root", 0}}, {}};
  CHECK_THROWS_WITH(require_owners(tree, {package("a", {"/usr/bin/x"}, "ecs")}, numbers),
                    "'/usr/bin/x' of a belongs to the user 'ecs', which nobody makes");
  CHECK_THROWS_WITH(require_owners(tree, {package("a", {"/usr/bin/x"}, "root", "ecs")}, numbers),
                    Contains("the group 'ecs'"));
  const auto tmpfiles = package("a", {"/usr/lib/tmpfiles.d/a.conf"});
  CHECK_THROWS_WITH(require_owners(tree, {tmpfiles}, numbers),
                    Contains("'/var/lib/a' in '/usr/lib/tmpfiles.d/a.conf' of a belongs to the user 'ecs'"));
  numbers.users["ecs"] = 5;
  CHECK_THROWS_WITH(require_owners(tree, {tmpfiles}, numbers), Contains("the group 'nobodies'"));
  numbers.groups["nobodies"] = 5;
  CHECK_NOTHROW(require_owners(tree, {tmpfiles}, numbers));
}
