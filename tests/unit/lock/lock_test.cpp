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
