#include "layers/packages/unpack.hpp"

#include <algorithm>
#include <fstream>

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "layers/packages/path_resolver.hpp"
#include "support/error.hpp"
#include "support/rpm_fixture.hpp"
#include "support/scratch_repository.hpp"

namespace compose::layers {
namespace {

using ostree::NodeKind;
using ostree::Tree;
using tests::directory_meta;
using tests::file_meta;
using tests::Spec;
using tests::spec_with_file;

void fill_base(Tree& tree) {
  tests::fill_minimal_os(tree);
  tree.put_directory("/usr/bin", directory_meta());
  tree.put_symlink("/lib64", "usr/lib64");
  tree.put_symlink("/usr/sbin", "bin");
  tree.put_symlink("/usr/local", "../var/usrlocal");
  tree.put_file("/usr/lib/tmpfiles.d/base.conf", file_meta(),
                "d /var/lib/known 0755 root root -\n# d /var/lib/not -\n");
  tree.put_file("/usr/bin/tool", file_meta(0755), "tool");
  tree.put_file("/usr/etc/base.conf", file_meta(), "base");
}

// A base, and packages put into its tree.
class Host : public tests::RpmFixture {
 public:
  explicit Host(const std::function<void(Tree&)>& fill = fill_base) : base_(repository.commit(fill)) {}

  fs::path file(const std::string& name, const std::string& path, const std::string& content = "content") {
    return build(spec_with_file(name, path, content));
  }

  fs::path package(const std::string& name, const std::string& install, const std::string& files) {
    Spec spec;
    spec.name = name;
    spec.body = "%install\ncd %{buildroot}\nmkdir -p usr/share usr/bin etc var/lib\n" + install + "\n%files\n" + files;
    return build(spec);
  }

  // Commits what the packages make of the base. What unpack() says is in `unpacked`.
  std::string add(const std::vector<fs::path>& packages) {
    return repository.commit(
        [&](Tree& tree) {
          const auto events = make_null_events();
          unpacked = unpack(tree, packages, repository.folder(), rpmdb, *events);
        },
        base_);
  }

  Tree tree(const std::vector<fs::path>& packages) { return Tree(repository.get(), add(packages)); }

  // The base's own packages: in the tree and in a database.
  void make_base_of(const std::vector<fs::path>& packages) {
    base_ = add(packages);
    rpmdb = path() / "rpmdb";
    fs::create_directories(*rpmdb);
    rpm::update_database(*rpmdb, packages, {}, 1700000000);
  }

  tests::ScratchRepository repository;
  std::optional<fs::path> rpmdb;
  Unpacked unpacked;
  const std::string& base() const { return base_; }

 private:
  std::string base_;
};

TEST_CASE("a package's files are in the tree with their modes, and /etc as /usr/etc") {
  Host host;
  const Tree tree = host.tree(
      {host.package("p",
                    "printf x >usr/bin/su; printf 'a = 1' >etc/p.conf; : >usr/share/empty; printf s >usr/share/secret; "
                    "ln -s ../bin/su usr/share/link",
                    "%attr(4711,root,root) /usr/bin/su\n%config /etc/p.conf\n/usr/share/empty\n"
                    "%attr(0000,root,root) /usr/share/secret\n/usr/share/link\n")});
  CHECK(tree.lookup("/usr/bin/su")->meta.mode == (S_IFREG | 04711U));
  CHECK(tree.read("/usr/etc/p.conf") == "a = 1");
  CHECK(tree.read("/usr/share/empty").empty());
  CHECK(tree.lookup("/usr/share/secret")->meta.mode == S_IFREG);
  CHECK(tree.lookup("/usr/share/link")->symlink_target == "../bin/su");
  CHECK_FALSE(tree.lookup("/etc").has_value());
  CHECK(host.unpacked.paths.contains("/usr/etc/p.conf"));
  CHECK(host.unpacked.owned.empty());
}

TEST_CASE("hard links are files with the same content, capabilities on each") {
  Host host;
  const Tree tree = host.tree({host.package(
      "p", "printf program >usr/bin/a; ln usr/bin/a usr/bin/b; ln usr/bin/a usr/bin/c",
      "%caps(cap_net_raw=ep) /usr/bin/a\n%caps(cap_net_raw=ep) /usr/bin/b\n%caps(cap_net_raw=ep) /usr/bin/c\n")});
  for (const char* path : {"/usr/bin/a", "/usr/bin/b", "/usr/bin/c"}) {
    CHECK(tree.read(path) == "program");
    CHECK(tree.lookup(path)->meta.xattrs.at("security.capability").size() == 20);
  }
}

TEST_CASE("a file that is too large for memory arrives whole") {
  Host host;
  const Tree tree = host.tree({host.package(
      "big", "head -c 9000000 /dev/zero >usr/share/big; printf end >>usr/share/big; ln usr/share/big usr/share/big2",
      "/usr/share/big\n/usr/share/big2\n")});
  CHECK(tree.read("/usr/share/big") == std::string(9000000, '\0') + "end");
  CHECK(tree.lookup("/usr/share/big")->checksum == tree.lookup("/usr/share/big2")->checksum);
  CHECK_FALSE(fs::exists(host.repository.folder() / "payload"));
}

TEST_CASE("owners are given by name afterwards, and setuid and capabilities stay") {
  Host host;
  const fs::path package = host.package(
      "p", "printf x >usr/bin/x; mkdir usr/share/d",
      "%attr(6755,agent,agents) %caps(cap_net_raw=ep) /usr/bin/x\n%dir %attr(0750,root,agents) /usr/share/d\n");
  REQUIRE(host.tree({package}).lookup("/usr/bin/x")->meta.uid == 0);
  REQUIRE(host.unpacked.owned.size() == 2);
  const auto owned = host.unpacked.owned;
  const std::string commit = host.repository.commit(
      [&](Tree& tree) {
        const auto events = make_null_events();
        unpack(tree, {package}, host.repository.folder(), {}, *events);
        set_owners(tree, owned, {{"agent", 990}}, {{"agents", 991}});
      },
      host.base());
  const Tree tree(host.repository.get(), commit);
  const auto node = tree.lookup("/usr/bin/x");
  CHECK(node->meta.uid == 990);
  CHECK(node->meta.gid == 991);
  CHECK(node->meta.mode == (S_IFREG | 06755U));
  CHECK(node->meta.xattrs.contains("security.capability"));
  CHECK(tree.lookup("/usr/share/d")->meta.gid == 991);
  CHECK(tree.lookup("/usr/share/d")->meta.uid == 0);
  Tree other(host.repository.get(), host.base());
  CHECK_THROWS_WITH(set_owners(other, owned, {}, {}), Catch::Contains("p-1-1.noarch") && Catch::Contains("/usr/bin/x"));
}

TEST_CASE("parents are followed through the tree's links and through those of packages") {
  Host host;
  const Tree tree = host.tree({host.package("links", "mkdir -p usr/lib/real; ln -s /usr/lib/real usr/share/alias",
                                            "/usr/lib/real\n/usr/share/alias\n"),
                               host.file("through", "/usr/share/alias/x"), host.file("sbin", "/usr/sbin/y"),
                               host.file("bin", "/bin/z"), host.file("lib", "/lib64/l"), host.file("libx", "/lib/m")});
  CHECK(tree.lookup("/usr/lib/real/x").has_value());
  CHECK(tree.lookup("/usr/bin/y").has_value());
  CHECK(tree.lookup("/usr/bin/z").has_value());
  CHECK(tree.lookup("/usr/lib64/l").has_value());
  CHECK(tree.lookup("/usr/lib/m").has_value());
  CHECK(tree.lookup("/lib64")->kind == NodeKind::symlink);
}

TEST_CASE("no link leads out of the tree: not an absolute one, nor one with dots") {
  Host host;
  TemporaryDirectory outside(fs::temp_directory_path(), "outside-");
  const auto escape = [&](const std::string& target) {
    return host.package("escape", "ln -s " + target + " usr/share/esc", "/usr/share/esc\n");
  };
  const fs::path victim = host.file("victim", "/usr/share/esc/pwned");
  CHECK_THROWS_WITH(host.add({escape(outside.path().string()), victim}),
                    Catch::Contains("outside of what a commit has"));
  CHECK_THROWS_AS(host.add({escape("../../../../.." + outside.path().string()), victim}), Error);
  CHECK_THROWS_AS(host.add({escape("/var/lib"), victim}), Error);
  CHECK_THROWS_AS(host.add({escape("/usr/local"), victim}), Error);
  CHECK_THROWS_AS(host.add({escape("/opt"), victim}), Error);
  CHECK(fs::is_empty(outside.path()));
  CHECK(host.tree({escape("../../../../usr/lib"), victim}).lookup("/usr/lib/pwned").has_value());
  CHECK(host.tree({escape("/etc"), victim}).lookup("/usr/etc/pwned").has_value());
}

TEST_CASE("links that lead to themselves, and files where folders should be, are found") {
  Host host;
  const fs::path one = host.package("loop-one", "ln -s b usr/share/a", "/usr/share/a\n");
  const fs::path two = host.package("loop-two", "ln -s a usr/share/b", "/usr/share/b\n");
  CHECK_THROWS_WITH(host.add({one, two, host.file("x", "/usr/share/a/x")}), Catch::Contains("leads to itself"));
  CHECK_THROWS_WITH(host.add({host.file("y", "/usr/bin/tool/y")}), Catch::Contains("'/usr/bin/tool' is a file"));
}

TEST_CASE("the same path twice is fine when it is the same, else both owners are named") {
  Host host;
  const fs::path one = host.file("one", "/usr/share/same");
  CHECK(host.tree({one, host.file("two", "/usr/share/same")}).read("/usr/share/same") == "content");
  CHECK_THROWS_WITH(host.add({one, host.file("three", "/usr/share/same", "other")}),
                    Catch::Contains("three-1-1.noarch") && Catch::Contains("one-1-1.noarch"));
  CHECK_THROWS_AS(host.add({one, host.package("mode", "printf content >usr/share/same",
                                              "%attr(0600,root,root) /usr/share/same\n")}),
                  Error);
  CHECK_THROWS_AS(host.add({one, host.package("owner", "printf content >usr/share/same",
                                              "%attr(0644,agent,root) /usr/share/same\n")}),
                  Error);
  CHECK_THROWS_AS(host.add({one, host.package("link", "ln -s x usr/share/same", "/usr/share/same\n")}), Error);
  CHECK_THROWS_AS(host.add({one, host.package("folder", "mkdir usr/share/same", "/usr/share/same\n")}), Error);
}

TEST_CASE("a path of the base is kept when it is the same, else its owner is named") {
  Host host;
  CHECK(host.tree({host.package("tool", "printf tool >usr/bin/tool", "%attr(0755,root,root) /usr/bin/tool\n")})
            .read("/usr/bin/tool") == "tool");
  CHECK_THROWS_WITH(host.add({host.file("tool", "/usr/bin/tool", "mine")}), Catch::Contains("the base"));
  host.make_base_of({host.file("basepkg", "/usr/share/b", "b")});
  CHECK_THROWS_WITH(host.add({host.file("other", "/usr/share/b", "mine")}),
                    Catch::Contains("basepkg-1-1.noarch of the base"));
}

TEST_CASE("a base's configuration stays when the package says noreplace, else it is a conflict") {
  Host host;
  const Tree tree =
      host.tree({host.package("keep", "printf mine >etc/base.conf", "%config(noreplace) /etc/base.conf\n")});
  CHECK(tree.read("/usr/etc/base.conf") == "base");
  CHECK_THROWS_AS(host.add({host.package("take", "printf mine >etc/base.conf", "%config /etc/base.conf\n")}), Error);
}

TEST_CASE("a folder that a package made on the way gets the mode of the package that has it, in either order") {
  Host host;
  const fs::path inside = host.file("inside", "/usr/lib/vault/x");
  const fs::path owner = host.package("owner", "mkdir -p usr/lib/vault", "%dir %attr(0700,root,root) /usr/lib/vault\n");
  const std::string commit = host.add({inside, owner});
  CHECK(Tree(host.repository.get(), commit).lookup("/usr/lib/vault")->meta.mode == (S_IFDIR | 0700U));
  CHECK(host.add({owner, inside}) == commit);
}

TEST_CASE("the tree is the same for every order of the arguments") {
  Host host;
  std::vector<fs::path> packages{host.file("a", "/etc/a"), host.file("b", "/opt/b/x"), host.file("c", "/usr/lib/c/y"),
                                 host.package("d", "mkdir -p usr/lib/c", "%dir %attr(0711,root,root) /usr/lib/c\n")};
  std::set<std::string> commits;
  std::sort(packages.begin(), packages.end());
  do {
    std::vector<fs::path> ordered;
    for (const std::size_t index : rpm::install_order(packages, std::nullopt, {})) ordered.push_back(packages[index]);
    commits.insert(host.add(ordered));
  } while (std::next_permutation(packages.begin(), packages.end()));
  CHECK(commits.size() == 1);
}

TEST_CASE("lines for /var are sorted, once each, without those that the tree declares") {
  Host host;
  host.add({host.package("v", "mkdir -p var/lib/known var/lib/not opt/v; touch opt/v/x opt/v/y",
                         "%dir /var/lib/known\n%dir /var/lib/not\n/opt/v\n"),
            host.package("w", "mkdir -p var/lib/not var/cache/w",
                         "%dir /var/lib/not\n%attr(0700,agent,agent) %dir /var/cache/w\n")});
  CHECK(host.unpacked.tmpfiles == std::vector<std::string>{"L /var/opt/v - - - - ../../usr/lib/opt/v",
                                                           "d /var/cache/w 0700 agent agent - -",
                                                           "d /var/lib/not 0755 root root - -"});
  CHECK(tmpfiles_text(host.unpacked.tmpfiles).ends_with("d /var/lib/not 0755 root root - -\n"));
  CHECK_THROWS_AS(host.add({host.package("a", "mkdir -p var/lib/x", "%dir /var/lib/x\n"),
                            host.package("b", "mkdir -p var/lib/x", "%dir %attr(0700,root,root) /var/lib/x\n")}),
                  Error);
}

TEST_CASE("systemd-tmpfiles makes what the lines say") {
  Host host;
  host.add({host.package("v", "mkdir -p 'var/lib/a b%c' opt/v var/lib/x; touch opt/v/y; ln -s 't%%b x' var/lib/link",
                         "%dir \"/var/lib/a b%%c\"\n/opt/v\n/var/lib/link\n%dir %attr(0750,root,root) /var/lib/x\n")});
  const fs::path root = host.path() / "root";
  fs::create_directories(root / "etc");
  std::ofstream((root / "etc/passwd").string()) << "root:x:0:0:root:/root:/bin/sh\n";
  std::ofstream((root / "etc/group").string()) << "root:x:0:\n";
  std::ofstream((host.path() / "v.conf").string()) << tmpfiles_text(host.unpacked.tmpfiles);
  run_checked({"systemd-tmpfiles", "--root=" + root.string(), "--create", (host.path() / "v.conf").string()});
  CHECK(fs::is_directory(root / "var/lib/a b%c"));
  CHECK(fs::read_symlink(root / "var/opt/v") == "../../usr/lib/opt/v");
  CHECK(fs::status(root / "var/lib/x").permissions() == fs::perms(0750));
}

TEST_CASE("a removed package takes its files and empty folders, but not what another package has") {
  Host host;
  const fs::path old = host.package(
      "old",
      "mkdir -p usr/lib/old usr/lib/shared var/lib/alternatives var/lib/old; touch usr/lib/old/x usr/lib/shared/o "
      "usr/share/both etc/old.conf var/lib/alternatives/old",
      "/usr/lib/old\n/usr/lib/shared\n/usr/share/both\n/etc/old.conf\n/var/lib/alternatives/old\n/var/lib/old\n");
  const fs::path rest = host.package("rest", "mkdir -p usr/lib/shared; touch usr/lib/shared/r usr/share/both",
                                     "/usr/lib/shared\n/usr/share/both\n");
  host.make_base_of({old, rest});
  const Tree before(host.repository.get(), host.base());
  CHECK(before.lookup("/usr/lib/alternatives/old").has_value());
  const std::string commit = host.repository.commit(
      [&](Tree& tree) { remove_packages(tree, *host.rpmdb, {rpm::parse_nevra("old-1-1.noarch")}); }, host.base());
  const Tree tree(host.repository.get(), commit);
  CHECK_FALSE(tree.lookup("/usr/lib/old").has_value());
  CHECK_FALSE(tree.lookup("/usr/etc/old.conf").has_value());
  CHECK_FALSE(tree.lookup("/usr/lib/shared/o").has_value());
  CHECK_FALSE(tree.lookup("/usr/lib/alternatives/old").has_value());
  CHECK(tree.lookup("/usr/lib/shared/r").has_value());
  CHECK(tree.lookup("/usr/share/both").has_value());
  CHECK(tree.lookup("/usr/bin/tool").has_value());
  Tree other(host.repository.get(), host.base());
  CHECK_THROWS_AS(remove_packages(other, *host.rpmdb, {rpm::parse_nevra("none-1-1.noarch")}), Error);
}

TEST_CASE("a package replaces the version of the base that was removed") {
  Host host;
  host.make_base_of({host.file("agent", "/usr/share/agent", "one")});
  Spec newer = spec_with_file("agent", "/usr/share/agent", "two");
  newer.version = "2";
  const fs::path package = host.build(newer);
  CHECK_THROWS_AS(host.add({package}), Error);
  const std::string commit = host.repository.commit(
      [&](Tree& tree) {
        const auto events = make_null_events();
        remove_packages(tree, *host.rpmdb, {rpm::parse_nevra("agent-1-1.noarch")});
        unpack(tree, {package}, host.repository.folder(), host.rpmdb, *events);
      },
      host.base());
  CHECK(Tree(host.repository.get(), commit).read("/usr/share/agent") == "two");
}

TEST_CASE("a file in /var, or a damaged package, leaves the repository without a commit") {
  Host host;
  CHECK_THROWS_WITH(host.add({host.file("state", "/var/lib/state")}), Catch::Contains("state-1-1.noarch"));
  const fs::path package = host.file("good", "/usr/share/good");
  std::string bytes = read_file(package);
  bytes[bytes.size() - 20] = static_cast<char>(bytes[bytes.size() - 20] ^ 1);
  std::ofstream(package.string(), std::ios::binary) << bytes;
  CHECK_THROWS_AS(host.add({package}), Error);
}

}  // namespace
}  // namespace compose::layers
