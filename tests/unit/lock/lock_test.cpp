#include "lock/lock.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::lock {
namespace {

const std::string kCommit(64, 'a');
const std::string kDigest = "sha256:" + std::string(64, 'b');

Lock sample() {
  Lock lock;
  lock.base = {"fedora/stable/x86_64/iot", kCommit, "42.20251122.0"};
  lock.agent_images = {{"docker://docker.io/amazon/amazon-ecs-agent:latest", kDigest}};
  return lock;
}

std::string error_of(const std::string& text) {
  try {
    parse(text, "recipes/x.lock");
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    CHECK(error.hint() == "write the lock anew with `atomic-compose resolve RECIPE --update`");
    return error.what();
  }
}

TEST_CASE("the lock's text does not change from version to version of the program") {
  // Its digest goes into commits: another text would be another commit.
  CHECK(to_text(sample()) ==
        "# What `atomic-compose resolve` found for the recipe of this name; `build` uses exactly this.\n"
        "# Keep it with the recipe. To renew it: atomic-compose resolve RECIPE --update\n"
        "\n"
        "[base]\n"
        "ref = \"fedora/stable/x86_64/iot\"\n"
        "commit = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n"
        "version = \"42.20251122.0\"\n"
        "\n"
        "[agent-image]\n"
        "image = \"docker://docker.io/amazon/amazon-ecs-agent:latest\"\n"
        "digest = \"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"\n");
  CHECK(digest(sample()) == "6679b3cf0a5e06ba1b8459ba840702d7f0d791aa67bb73166be01f3fddf4187e");
}

TEST_CASE("what is parsed equals what was written") {
  const Lock lock = parse(to_text(sample()), "x.lock");
  CHECK(to_text(lock) == to_text(sample()));
  CHECK(lock.base.version == "42.20251122.0");
  REQUIRE(lock.agent_images.size() == 1);
  CHECK(lock.agent_images.front().digest == kDigest);
}

TEST_CASE("a lock without an agent image and without a version is complete") {
  Lock lock = sample();
  lock.agent_images.clear();
  lock.base.version.clear();
  const Lock again = parse(to_text(lock), "x.lock");
  CHECK(again.agent_images.empty());
  CHECK(again.base.version == "");
  CHECK(to_text(lock).find("version") == std::string::npos);
}

TEST_CASE("metadata from elsewhere cannot break the lock's text") {
  Lock lock = sample();
  for (const std::string version :
       {"a\"\n[base]\nx = \"", "\\u0041", "\x01\x7f\t\r", "\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80"}) {
    lock.base.version = version;
    CHECK(parse(to_text(lock), "x.lock").base.version == version);
  }
  for (const std::string version :
       {"\xFF", "\xC3", "\xE2\x82", "\xED\xA0\x80", "\xC0\x80", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80"}) {
    lock.base.version = "v" + version;
    const Lock again = parse(to_text(lock), "x.lock");
    CHECK(again.base.version.substr(0, 4) == "v\xEF\xBF\xBD");
    CHECK(digest(again) == digest(lock));
  }
}

TEST_CASE("each broken lock is explained with file, line and column") {
  const std::string base = "[base]\nref = \"a\"\ncommit = \"" + kCommit + "\"\n";
  CHECK(error_of("") == "recipes/x.lock:1:1: missing table [base]: the base's pinned commit");
  CHECK(error_of("[base]\nref = \"a\"\ncommit = \"abc\"\n") ==
        "recipes/x.lock:3:10: 'abc' is not a commit: expected 64 lower-case hexadecimal characters");
  CHECK(error_of("[base]\ncommit = 7\n") ==
        "recipes/x.lock:1:1: missing key 'ref' in [base]: the base's OSTree ref\n"
        "recipes/x.lock:2:10: 'commit': expected a string, found an integer (write it in quotes)");
  CHECK(error_of(base + "[agent-image]\nimage = \"oci:x\"\ndigest = \"" + kCommit + "\"\n") ==
        "recipes/x.lock:6:10: '" + kCommit +
            "' is not a digest: expected \"sha256:\" and 64 lower-case hexadecimal characters");
  CHECK(error_of(base + "chksum = \"x\"\n") ==
        "recipes/x.lock:4:1: unknown key 'chksum' in [base]; known keys: ref, commit, version");
  CHECK(error_of(base + "[agent-image]\n") ==
        "recipes/x.lock:4:1: missing key 'image' in [agent-image]: the image as the recipe or the profile names it\n"
        "recipes/x.lock:4:1: missing key 'digest' in [agent-image]: the image's digest");
  CHECK(error_of("<<<<<<< HEAD\n").find("recipes/x.lock:1:1: not valid TOML: ") == 0);
}

// ---- packages ----

Lock with_packages() {
  Lock lock = sample();
  lock.agent_images.clear();
  lock.packages = {{"shadow-utils-2:4.17-1.fc42.x86_64", "fedora", "Packages/s/shadow-utils-4.17-1.fc42.x86_64.rpm",
                    1324532, std::string(64, 'c')},
                   {"agent-1.91.0-1.noarch", "local", "../rpms/agent.rpm", 5, std::string(64, 'd')}};
  lock.removed_packages = {"nano-8.3-1.fc42.x86_64", "bash-5.2-1.fc42.x86_64"};
  lock.ids.users = {{"ecs", 990}, {"a.b", 991}};
  lock.ids.groups = {{"ecs", 990}};
  return lock;
}

TEST_CASE("packages, what is removed and numbers are written sorted, the same every time") {
  CHECK(to_text(with_packages()) ==
        "# What `atomic-compose resolve` found for the recipe of this name; `build` uses exactly this.\n"
        "# Keep it with the recipe. To renew it: atomic-compose resolve RECIPE --update\n"
        "\n"
        "[base]\n"
        "ref = \"fedora/stable/x86_64/iot\"\n"
        "commit = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n"
        "version = \"42.20251122.0\"\n"
        "\n"
        "[packages]\n"
        "removed = [\n"
        "  \"bash-5.2-1.fc42.x86_64\",\n"
        "  \"nano-8.3-1.fc42.x86_64\",\n"
        "]\n"
        "\n"
        "[ids.users]\n"
        "\"a.b\" = 991\n"
        "ecs = 990\n"
        "\n"
        "[ids.groups]\n"
        "ecs = 990\n"
        "\n"
        "[[package]]\n"
        "nevra = \"agent-1.91.0-1.noarch\"\n"
        "repo = \"local\"\n"
        "location = \"../rpms/agent.rpm\"\n"
        "size = 5\n"
        "sha256 = \"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\"\n"
        "\n"
        "[[package]]\n"
        "nevra = \"shadow-utils-2:4.17-1.fc42.x86_64\"\n"
        "repo = \"fedora\"\n"
        "location = \"Packages/s/shadow-utils-4.17-1.fc42.x86_64.rpm\"\n"
        "size = 1324532\n"
        "sha256 = \"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\"\n");
}

TEST_CASE("packages that are parsed equal what was written") {
  const Lock lock = parse(to_text(with_packages()), "x.lock");
  CHECK(to_text(lock) == to_text(with_packages()));
  REQUIRE(lock.packages.size() == 2);
  CHECK(lock.packages[0].nevra == "agent-1.91.0-1.noarch");
  CHECK(lock.packages[1].repo == "fedora");
  CHECK(lock.packages[1].size_bytes == 1324532);
  CHECK(lock.packages[1].sha256 == std::string(64, 'c'));
  CHECK(lock.removed_packages == std::vector<std::string>{"bash-5.2-1.fc42.x86_64", "nano-8.3-1.fc42.x86_64"});
  CHECK(lock.ids.users == with_packages().ids.users);
  CHECK(lock.ids.groups == with_packages().ids.groups);
}

TEST_CASE("each broken package of a lock is explained with file, line and column") {
  const std::string base = "[base]\nref = \"a\"\ncommit = \"" + kCommit + "\"\n";
  const auto package = [](const std::string& nevra, const std::string& more) {
    return "[[package]]\nnevra = \"" + nevra + "\"\n" + more;
  };
  const std::string good = "repo = \"r\"\nlocation = \"a.rpm\"\nsize = 7\nsha256 = \"" + kCommit + "\"\n";
  CHECK(error_of(base + package("a-1.x86_64", good)) ==
        "recipes/x.lock:5:9: 'a-1.x86_64' is not a package: expected NAME-VERSION-RELEASE.ARCH");
  CHECK(error_of(base + package("a-1-1.x86_64", "")) ==
        "recipes/x.lock:4:1: missing key 'repo' in [[package]]: the repository's id, or \"local\"\n"
        "recipes/x.lock:4:1: missing key 'location' in [[package]]: where the repository has it\n"
        "recipes/x.lock:4:1: missing key 'size' in [[package]]: the file's, in bytes\n"
        "recipes/x.lock:4:1: missing key 'sha256' in [[package]]: the file's digest");
  CHECK(error_of(base + package("a-1-1.x86_64",
                                "repo = \"r\"\nlocation = \"../a.rpm\"\nsize = -7\nsha256 = \"sha256:00\"\n")) ==
        "recipes/x.lock:7:12: '../a.rpm' leads out of the repository 'r'\n"
        "recipes/x.lock:8:8: -7 is not a package's size in bytes\n"
        "recipes/x.lock:9:10: 'sha256:00' is not a SHA-256 digest: expected 64 lower-case hexadecimal characters");
  CHECK(error_of(base + package("a-1-1.x86_64",
                                "repo = \"r\"\nlocation = \"/a.rpm\"\nsize = \"7\"\nsha256 = \"" + kCommit + "\"\n")) ==
        "recipes/x.lock:7:12: '/a.rpm' leads out of the repository 'r'\n"
        "recipes/x.lock:8:8: 'size': expected an integer, found a string");
  CHECK(error_of(base + package("a-1-1.x86_64", good) + package("a-2-1.noarch", good) +
                 package("a-2-1.x86_64", good)) == "recipes/x.lock:17:9: the package 'a.x86_64' is there twice");
  CHECK(error_of(base + "[packages]\nremoved = [\"bash\", \"a-1-1.x\", \"a-1-1.x\"]\n") ==
        "recipes/x.lock:5:12: 'bash' is not a package: expected NAME-VERSION-RELEASE.ARCH\n"
        "recipes/x.lock:5:31: 'a-1-1.x' is there twice");
}

TEST_CASE("each broken number of a lock is explained with file, line and column") {
  const std::string base = "[base]\nref = \"a\"\ncommit = \"" + kCommit + "\"\n";
  CHECK(error_of(base + "[ids.users]\na = 0\nb = 60001\nc = \"7\"\nd = 7\ne = 7\n\"f:g\" = 8\n[ids.groups]\nx = 7\n") ==
        "recipes/x.lock:5:5: 0 is not between 1 and 60000\n"
        "recipes/x.lock:6:5: 60001 is not between 1 and 60000\n"
        "recipes/x.lock:7:5: 'c': expected an integer, found a string\n"
        "recipes/x.lock:9:5: 7 is the number of 'd' already\n"
        "recipes/x.lock:10:9: 'f:g' is not a name: use letters, digits, '_', '.' and '-'");
  CHECK(error_of(base + "[ids.people]\na = 1\n") ==
        "recipes/x.lock:4:6: unknown key 'people' in [ids]; known keys: users, groups");
  CHECK(error_of(base + "[ids.users]\na = 1\n[ids.groups]\nb = 60000\n") == "");
}

TEST_CASE("a lock is kept beside its recipe") {
  CHECK(path_for("recipes/demo.toml") == "recipes/demo.lock");
  CHECK(path_for("recipes/fedora-42.1.toml") == "recipes/fedora-42.1.lock");
  const TemporaryDirectory folder(fs::temp_directory_path());
  const fs::path recipe = folder.path() / "demo.toml";
  CHECK_FALSE(load(recipe));
  save(recipe, sample());
  REQUIRE(load(recipe));
  CHECK(to_text(*load(recipe)) == to_text(sample()));
  CHECK(read_file(folder.path() / "demo.lock") == to_text(sample()));
}

}  // namespace
}  // namespace compose::lock
