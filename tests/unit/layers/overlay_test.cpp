#include "layers/overlay.hpp"

#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/scratch_repository.hpp"

namespace compose::layers {
namespace {

using ostree::Tree;
using tests::ScratchRepository;

// An overlay folder of the test's own, and the tree it makes of the minimal OS.
class Overlay {
 public:
  Overlay() : folder_(fs::temp_directory_path(), "overlay-"), base_(scratch_.commit(tests::fill_minimal_os)) {}

  void add(const std::string& path, const std::string& content, mode_t mode = 0644) {
    const fs::path file = root() / path;
    fs::create_directories(file.parent_path());
    write_file_atomically(file, content, mode);
  }
  void link(const std::string& path, const std::string& target) {
    fs::create_directories((root() / path).parent_path());
    fs::create_symlink(target, root() / path);
  }
  fs::path root() const { return folder_.path() / "host"; }
  Layer layer() const { return overlay_layer({root()}); }
  Tree apply() {
    const auto events = make_null_events();
    Context context{scratch_.get(), scratch_.folder(), scratch_.folder(), *events};
    return Tree(scratch_.get(), layer().make(context, base_));
  }

 private:
  TemporaryDirectory folder_;
  ScratchRepository scratch_;
  std::string base_;
};

TEST_CASE("an overlay's files are root's, and executable when they are so in the folder") {
  Overlay overlay;
  overlay.add("usr/libexec/tool", "#!/bin/sh\n", 0700);
  overlay.add("usr/share/x/data", "data", 0600);
  overlay.link("usr/share/x/link", "data");
  const Tree tree = overlay.apply();
  CHECK(tree.lookup("/usr/libexec/tool")->meta.mode == (S_IFREG | 0755U));
  CHECK(tree.lookup("/usr/share/x/data")->meta.mode == (S_IFREG | 0644U));
  CHECK(tree.lookup("/usr/share/x/data")->meta.uid == 0);
  CHECK(tree.lookup("/usr/share/x/link")->symlink_target == "data");
  CHECK(tree.lookup("/usr/share/x")->meta.mode == (S_IFDIR | 0755U));
}

TEST_CASE("an overlay's etc becomes the commit's /usr/etc") {
  Overlay overlay;
  overlay.add("etc/motd", "hello");
  const Tree tree = overlay.apply();
  CHECK(tree.read("/usr/etc/motd") == "hello");
  CHECK_FALSE(tree.lookup("/etc"));
}

TEST_CASE("overlay.toml sets owner, group and mode, by names that the tree knows or by number") {
  Overlay overlay;
  overlay.add("usr/a", "a");
  overlay.add("usr/b", "b");
  overlay.add("overlay.toml",
              "[[file]]\npath = \"usr/a\"\nowner = \"daemon\"\ngroup = \"adm\"\nmode = \"2750\"\n[[file]]\npath = "
              "\"usr/b\"\nowner = \"1234\"\n");
  const Tree tree = overlay.apply();
  CHECK(tree.lookup("/usr/a")->meta.uid == 1);
  CHECK(tree.lookup("/usr/a")->meta.gid == 4);
  CHECK(tree.lookup("/usr/a")->meta.mode == (S_IFREG | 02750U));
  CHECK(tree.lookup("/usr/b")->meta.uid == 1234);
  CHECK_FALSE(tree.lookup("/overlay.toml"));
}

TEST_CASE("a layer's identity changes with content, mode, link target and settings, and with nothing else") {
  Overlay overlay;
  overlay.add("usr/a", "a");
  overlay.link("usr/l", "a");
  const std::string before = overlay.layer().inputs;
  overlay.add("usr/a", "a", 0600);
  CHECK(overlay.layer().inputs == before);
  overlay.add("usr/a", "a", 0755);
  const std::string executable = overlay.layer().inputs;
  CHECK(executable != before);
  overlay.add("usr/a", "b", 0755);
  CHECK(overlay.layer().inputs != executable);
}

TEST_CASE("what no image should carry is refused") {
  Overlay overlay;
  SECTION("a link that leaves the tree") {
    overlay.link("usr/share/escape", "../../../etc/shadow");
    CHECK_THROWS_WITH(overlay.layer(), Catch::Contains("leads out of the tree"));
  }
  SECTION("a pipe") {
    overlay.add("usr/a", "a");
    REQUIRE(::mkfifo((overlay.root() / "usr/pipe").c_str(), 0600) == 0);
    CHECK_THROWS_WITH(overlay.layer(), Catch::Contains("device node, a pipe or a socket"));
  }
  SECTION("a private key") {
    overlay.add("etc/ssh/key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n");
    CHECK_THROWS_WITH(overlay.layer(), Catch::Contains("holds a private key"));
  }
  SECTION("content for /var") {
    overlay.add("var/lib/x", "x");
    CHECK_THROWS_WITH(overlay.apply(), Catch::Contains("is below /var"));
  }
  SECTION("a path through a link of the tree") {
    overlay.add("bin/x", "x");
    CHECK_THROWS_WITH(overlay.apply(), Catch::Contains("'/bin' "));
  }
  SECTION("an owner that the tree does not know") {
    overlay.add("usr/a", "a");
    overlay.add("overlay.toml", "[[file]]\npath = \"usr/a\"\nowner = \"ghost\"\n");
    CHECK_THROWS_WITH(overlay.apply(), Catch::Contains("'ghost', which the tree does not know"));
  }
  SECTION("an overlay.toml with mistakes, all told at once") {
    overlay.add("usr/a", "a");
    overlay.add("overlay.toml", "[[file]]\npath = \"usr/b\"\nmode = \"rwx\"\nownr = \"root\"\n");
    try {
      overlay.layer();
      FAIL("accepted");
    } catch (const Error& error) {
      const std::string text = error.what();
      CHECK(text.find("overlay.toml:2:8: the overlay has no 'usr/b'") != std::string::npos);
      CHECK(text.find("'rwx' is not a file mode") != std::string::npos);
      CHECK(text.find("unknown key 'ownr'") != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace compose::layers
