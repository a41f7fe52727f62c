#include "layers/packages/tmpfiles.hpp"

#include <catch2/catch.hpp>

namespace compose::layers {
namespace {

TEST_CASE("the path of a tmpfiles.d line is read without quotes, escapes and options") {
  CHECK(path_of_line("d /var/lib/x 0755 root root - -") == "/var/lib/x");
  CHECK(path_of_line("D!\t/var/lib/x/ -") == "/var/lib/x");
  CHECK(path_of_line("L+ \"/var/lib/a b%%c\\\"d\\\\e\" - - - - t") == "/var/lib/a b%c\"d\\e");
  CHECK(path_of_line("d '/var/lib/a b'") == "/var/lib/a b");
  CHECK(path_of_line("d /var/run/x") == "/run/x");
}

TEST_CASE("lines that make nothing declare no path") {
  for (const char* line :
       {"", "# d /var/lib/x", "z /var/lib/x 0755", "r /var/lib/x", "d", "\"", "d \"", "d \\", "x /tmp/y"}) {
    INFO(line);
    CHECK(path_of_line(line).size() < 2);
  }
}

}  // namespace
}  // namespace compose::layers
