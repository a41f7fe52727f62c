#include "agent/checks.hpp"

#include <catch2/catch.hpp>

using namespace compose::agent;

TEST_CASE("files are shipped below /usr and /etc only, by plain paths") {
  for (const char* path : {"/usr/lib/x", "/etc/ecs/ecs.config", "/usr/lib/systemd/system/a@.service"})
    CHECK_FALSE(problem_with_shipped_path(path));
  for (const char* path : {"", "usr/lib", "/usr", "/var/lib/x", "/usr/../etc/x", "/usr/lib//x", "/usr/lib/x/",
                           "/usr/./x", "/usr/a b", "/usr/$x", "/usr/%n"}) {
    CAPTURE(path);
    CHECK(problem_with_shipped_path(path));
  }
}

TEST_CASE("directories are made below /etc, /var and /run") {
  for (const char* path : {"/etc/ecs", "/var/lib/ecs", "/run/ecs"}) CHECK_FALSE(problem_with_directory_path(path));
  for (const char* path : {"/usr/lib/x", "/var", "/", "/var/../etc", "/home/x"})
    CHECK(problem_with_directory_path(path));
}

TEST_CASE("an argument needs no quoting in a unit") {
  for (const char* argument : {"--net=host", "--volume=/etc/ecs:/etc/ecs:ro", "--env=A=1"})
    CHECK_FALSE(problem_with_argument(argument));
  for (const char* argument : {"", "a b", "a\"b", "$HOME", "%n", "a\\", "a;b", "a\nb", "'"})
    CHECK(problem_with_argument(argument));
}

TEST_CASE("names, texts and template names are plain") {
  CHECK_FALSE(problem_with_word("ecs-agent_1.x"));
  for (const char* word : {"", "-x", ".x", "a/b", "a b"}) CHECK(problem_with_word(word));
  CHECK_FALSE(problem_with_text("Amazon ECS agent"));
  for (const char* text : {"a\nb", "A=1"}) CHECK(problem_with_text(text));
  for (const char* name : {"ecs-agent.service", "../common/run"}) CHECK_FALSE(problem_with_file_name(name));
  for (const char* name : {"", "../x", ".x", "a/b", "/etc/passwd", "../common/", "../common/.x", "../common/a/b"})
    CHECK(problem_with_file_name(name));
}

TEST_CASE("a path of the host is its root or a plain path") {
  for (const char* path : {"/", "/run", "/etc/x"}) CHECK_FALSE(problem_with_host_path(path));
  for (const char* path : {"", "run", "//", "/run/", "/../x"}) CHECK(problem_with_host_path(path));
}
