#include "oci/entry_name.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

using namespace compose;
using namespace compose::oci;

namespace {

std::string verdict(LayerNames& names, const std::string& name, const std::string& hardlink = "",
                    const std::string& symlink = "") {
  try {
    names.check(name, hardlink, symlink);
    return "fine";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.what();
  }
}

}  // namespace

TEST_CASE("names are cleaned without looking at files") {
  CHECK(clean_name("./a//b/") == "a/b");
  CHECK(clean_name("a/../b") == "b");
  CHECK(clean_name("./") == "");
  CHECK(resolve_link("x/layer.tar", "../y/layer.tar") == "y/layer.tar");
  CHECK(resolve_link("x/l", "/blobs/z") == "blobs/z");
}

TEST_CASE("a name stays inside unless it is absolute or climbs") {
  for (const char* name : {"a", "./a", "a/b/../c", "./", "..a", "a..", ".wh.x"}) CHECK(stays_inside(name));
  for (const char* name : {"", "/", "/etc/passwd", "..", "../x", "a/../../x", "./../x"})
    CHECK_FALSE(stays_inside(name));
}

TEST_CASE("a layer's entries are refused when they would land outside of the image") {
  LayerNames names("layer L");
  CHECK(verdict(names, "/etc/passwd") == "layer L: entry '/etc/passwd' is outside of the image");
  CHECK(verdict(names, "a/../../etc/passwd") == "layer L: entry 'a/../../etc/passwd' is outside of the image");
  CHECK(verdict(names, "h", "../../etc/shadow") ==
        "layer L: entry 'h' is a hard link to '../../etc/shadow', outside of the image");
  CHECK(verdict(names, "h", "/usr/bin/perl") == "fine");
  CHECK(verdict(names, "usr/bin/sh", "usr/bin/dash") == "fine");
}

TEST_CASE("symbolic links may point anywhere, but nothing goes through one that leaves the image") {
  LayerNames names("layer L");
  CHECK(verdict(names, "lib", "", "usr/lib") == "fine");
  CHECK(verdict(names, "lib/x.so") == "fine");
  CHECK(verdict(names, "var/run", "", "/run") == "fine");
  CHECK(verdict(names, "var/run/x") == "fine");
  CHECK(verdict(names, "a/out", "", "../../../etc") == "fine");
  CHECK(verdict(names, "a/out/passwd") ==
        "layer L: entry 'a/out/passwd' goes through the symbolic link 'a/out', which leaves the image");
  CHECK(verdict(names, "h", "a/out/shadow") ==
        "layer L: entry 'a/out/shadow' goes through the symbolic link 'a/out', which leaves the image");
  CHECK(verdict(names, "a/out") == "fine");  // replaced by a real directory
  CHECK(verdict(names, "a/out/passwd") == "fine");
}
