#include "oci/manifest.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "support/error.hpp"

using namespace compose;
using namespace compose::oci;

namespace {

const std::string kA = "sha256:" + std::string(64, 'a');
const std::string kB = "sha256:" + std::string(64, 'b');

template <typename Action>
std::string failure(Action&& action) {
  try {
    action();
    return "none";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.explain();
  }
}

std::string entry(const std::string& digest, const std::string& more) {
  return fmt::format(R"({{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":7{}}})", digest,
                     more);
}

std::string platform(const std::string& architecture) {
  return fmt::format(R"(,"platform":{{"os":"linux","architecture":"{}"}})", architecture);
}

std::string tag(const std::string& name) {
  return fmt::format(R"(,"annotations":{{"org.opencontainers.image.ref.name":"{}"}})", name);
}

std::vector<IndexEntry> index(const std::string& entries) {
  return parse_index(R"({"manifests":[)" + entries + "]}", "I");
}

}  // namespace

TEST_CASE("a manifest gives its configuration and layers in order") {
  const Manifest manifest = parse_manifest(
      fmt::format(R"({{"schemaVersion":2,"config":{0},"layers":[{1},{0}]}})", entry(kA, ""), entry(kB, "")), "M");
  CHECK(manifest.config.digest == kA);
  CHECK(manifest.config.size_bytes == 7);
  REQUIRE(manifest.layers.size() == 2);
  CHECK(manifest.layers[0].digest == kB);
}

TEST_CASE("a manifest that is not one is refused by name") {
  const std::string text =
      GENERATE(as<std::string>(), "", "[]", "{", R"({"schemaVersion":1})", R"({"schemaVersion":2})",
               R"({"schemaVersion":2,"config":{"digest":"sha256:../../x","size":1},"layers":[]})",
               R"({"schemaVersion":2,"config":{"digest":5,"size":1},"layers":[]})");
  CHECK(failure([&] { parse_manifest(text, "image 'X'"); }).find("error: image 'X': ") == 0);
}

TEST_CASE("a descriptor's size must be a number of bytes") {
  const std::string text = fmt::format(R"({{"schemaVersion":2,"config":{{"digest":"{}","size":-1}},"layers":[]}})", kA);
  CHECK(failure([&] { parse_manifest(text, "M"); }).find("size is not a number of bytes") != std::string::npos);
}

TEST_CASE("nesting a thousand deep is refused, not followed") {
  CHECK(failure([] { parse_manifest(std::string(100000, '['), "M"); }).find("error: M: ") == 0);
}

TEST_CASE("of several platforms linux/amd64 is chosen") {
  const auto entries = index(entry(kA, platform("arm64")) + "," + entry(kB, platform("amd64")));
  CHECK(choose(entries, "", "I").descriptor.digest == kB);
}

TEST_CASE("of several tags the one asked for is chosen") {
  const auto entries = index(entry(kA, tag("old")) + "," + entry(kB, tag("new")));
  CHECK(choose(entries, "new", "I").descriptor.digest == kB);
  CHECK(failure([&] { choose(entries, "", "I"); }).find("more than one image") != std::string::npos);
  const std::string message = failure([&] { choose(entries, "other", "I"); });
  CHECK(message == "error: I: no image is 'other' for linux/amd64\nhint: there is: 'old' , 'new' \n");
}

TEST_CASE("an index with other platforms only is refused") {
  const auto entries = index(entry(kA, platform("arm64")));
  CHECK(failure([&] { choose(entries, "", "I"); }) ==
        "error: I: no image is linux/amd64\nhint: there is: '' linux/arm64\n");
}

TEST_CASE("an index is told apart from a manifest") {
  CHECK(is_index(R"({"schemaVersion":2,"manifests":[]})", "I"));
  CHECK_FALSE(is_index(R"({"schemaVersion":2,"config":{}})", "I"));
}

TEST_CASE("a configuration for another architecture is refused") {
  const std::string text = fmt::format(R"({{"os":"linux","architecture":"arm64","rootfs":{{"diff_ids":["{}"]}}}})", kA);
  CHECK(failure([&] { parse_config(text, "C"); }).find("an image for 'linux/arm64'") != std::string::npos);
}

TEST_CASE("a docker archive's image is found by tag, or is the only one") {
  const auto entries = parse_docker_archive_manifest(
      R"([{"Config":"a.json","RepoTags":["x:1"],"Layers":["l.tar"]},{"Config":"b.json","RepoTags":null,"Layers":[]}])",
      "D");
  CHECK(choose(entries, "x:1", "D").config == "a.json");
  CHECK(failure([&] { choose(entries, "y:1", "D"); }).find("there is: x:1") != std::string::npos);
  CHECK(failure([&] { choose(entries, "", "D"); }).find("holds 2 images") != std::string::npos);
  CHECK(choose({entries.at(1)}, "", "D").config == "b.json");
}

TEST_CASE("docker's manifest is one line with fixed keys") {
  CHECK(docker_archive_manifest({"c.json", {"l.tar"}, {"a/b:latest"}}) ==
        "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"],\"RepoTags\":[\"a/b:latest\"]}]\n");
}
