// Images from a real registry and from what skopeo writes.

#include <catch2/catch.hpp>

#include <random>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oci/image.hpp"
#include "support/error.hpp"
#include "support/image_fixture.hpp"
#include "support/registry_fixture.hpp"

using namespace compose;
using namespace compose::oci;

namespace {

const std::string kName = "amazon/amazon-ecs-agent:latest";

// Bytes that do not compress; the same each time.
std::string noise(std::size_t size_bytes) {
  std::mt19937_64 engine(42);
  std::string bytes(size_bytes, '\0');
  for (std::size_t i = 0; i + 8 <= size_bytes; i += 8) {
    const std::uint64_t word = engine();
    std::memcpy(bytes.data() + i, &word, 8);
  }
  return bytes;
}

struct Workshop {
  TemporaryDirectory directory{fs::temp_directory_path(), "oci-test-"};
  test::LayoutFixture layout{directory.path() / "layout"};
  test::LayoutFixture::LayerBlob layer;
  std::unique_ptr<Events> events = make_null_events();

  explicit Workshop(std::size_t size_bytes = 100'000) {
    layer = layout.add_layer(test::make_tar({{"agent", noise(size_bytes)}}), {"gzip", "-n1"});
    layout.tag(layout.add_image({layer, layout.add_layer(test::make_tar({{"etc/motd", "hello"}}), {"zstd", "-q"})}),
               "latest");
  }

  std::string oci() const { return "oci:" + layout.folder().string() + ":latest"; }
  std::string path(const std::string& name) const { return (directory.path() / name).string(); }
  std::string digest(const std::string& text) const { return resolve_digest(parse_image_reference(text), *events); }
  Image fetch(const std::string& text, const std::string& digest, const std::string& cache = "cache") const {
    return fetch_image(parse_image_reference(text), digest, kName, path(cache), *events);
  }
  ErrorKind failure(const std::string& text, const std::string& digest, const std::string& expected_text) const {
    try {
      fetch(text, digest, "failing-cache");
    } catch (const Error& error) {
      INFO(error.explain());
      CHECK(error.explain().find(expected_text) != std::string::npos);
      return error.kind();
    }
    FAIL("no failure");
    throw;
  }
};

void skopeo_copy(const std::string& from, const std::string& to) {
  run_checked({"skopeo", "--insecure-policy", "copy", "--quiet", from, to});
}

std::ptrdiff_t file_count(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

}  // namespace

TEST_CASE("registry, layout and OCI archive of one image give one digest and the same archive") {
  const Workshop shop;
  const test::Registry registry(shop.path("registry"));
  registry.push(shop.oci(), "ecs/agent:v1");
  skopeo_copy(shop.oci(), "oci-archive:" + shop.path("oci.tar") + ":v1");

  const std::string digest = shop.digest(shop.oci());
  CHECK(shop.digest(registry.reference("ecs/agent:v1")) == digest);
  CHECK(shop.digest("oci-archive:" + shop.path("oci.tar") + ":v1") == digest);
  const std::string archive = sha256_of_file(shop.fetch(shop.oci(), digest, "c1").archive);
  CHECK(sha256_of_file(shop.fetch(registry.reference("ecs/agent:v1"), digest, "c2").archive) == archive);
  CHECK(sha256_of_file(shop.fetch("oci-archive:" + shop.path("oci.tar") + ":v1", digest, "c3").archive) == archive);
}

TEST_CASE("skopeo reads the archive: name, layers and the configuration that is the image's id") {
  const Workshop shop;
  const Image image = shop.fetch(shop.oci(), shop.digest(shop.oci()));
  const std::string reference = "docker-archive:" + image.archive.string() + ":" + kName;
  const std::string config = run_checked({"skopeo", "inspect", "--config", "--raw", reference});
  CHECK("sha256:" + sha256_hex(config) == image.config_digest);
  CHECK(run_checked({"skopeo", "inspect", reference}).find(shop.layer.diff_id) != std::string::npos);
  CHECK_NOTHROW(skopeo_copy(reference, "oci:" + shop.path("back") + ":latest"));
}

TEST_CASE("a docker archive that skopeo wrote is taken") {
  const Workshop shop;
  skopeo_copy(shop.oci(), "docker-archive:" + shop.path("docker.tar") + ":" + kName);
  const std::string reference = "docker-archive:" + shop.path("docker.tar");
  const Image image = shop.fetch(reference, shop.digest(reference));
  CHECK(image.config_digest == shop.digest(reference));
  CHECK_NOTHROW(skopeo_copy("docker-archive:" + image.archive.string(), "oci:" + shop.path("back") + ":latest"));
}

TEST_CASE("an image with docker's own manifest keeps its digest and its id") {
  const Workshop shop;
  const test::Registry registry(shop.path("registry"));
  // Docker's manifest knows no zstd layers.
  shop.layout.tag(shop.layout.add_image({shop.layer}), "latest");
  registry.push(shop.oci(), "agent:v1", "v2s2");
  const std::string raw =
      run_checked({"skopeo", "inspect", "--raw", "--tls-verify=false", registry.reference("agent:v1")});
  REQUIRE(raw.find("vnd.docker.distribution.manifest.v2+json") != std::string::npos);
  const std::string digest = shop.digest(registry.reference("agent:v1"));
  CHECK(digest == "sha256:" + sha256_hex(raw));
  const std::string config =
      run_checked({"skopeo", "inspect", "--config", "--raw", "--tls-verify=false", registry.reference("agent:v1")});
  CHECK(shop.fetch(registry.reference("agent:v1"), digest).config_digest == "sha256:" + sha256_hex(config));
}

TEST_CASE("the locked image is fetched although the tag has moved on") {
  const Workshop shop;
  const test::Registry registry(shop.path("registry"));
  registry.push(shop.oci(), "agent:v1");
  const std::string reference = registry.reference("agent:v1");
  const std::string digest = shop.digest(reference);
  shop.layout.tag(shop.layout.add_image({shop.layer}), "latest");
  registry.push(shop.oci(), "agent:v1");
  CHECK(shop.digest(reference) != digest);
  CHECK_NOTHROW(shop.fetch(reference, digest));
  CHECK_NOTHROW(shop.fetch(registry.reference("agent@" + digest), digest, "by-digest"));
}

TEST_CASE("a registry without the image, one that is not there, and one that lies are told apart") {
  const Workshop shop;
  test::Registry registry(shop.path("registry"));
  registry.push(shop.oci(), "agent:v1");
  const std::string reference = registry.reference("agent:v1");
  const std::string digest = shop.digest(reference);
  const std::string absent = "sha256:" + std::string(64, '1');
  CHECK(shop.failure(reference, absent, "the registry has no such image") == ErrorKind::input);
  CHECK(shop.failure(registry.reference("other:v1"), absent, "the registry has no such image") == ErrorKind::input);

  const fs::path blob = registry.blob_file(shop.layer.blob.digest);
  const std::string bytes = read_file(blob);
  std::string changed = bytes;
  changed[changed.size() / 2] ^= 1;
  write_file_atomically(blob, changed);
  CHECK(shop.failure(reference, digest, shop.layer.blob.digest) == ErrorKind::mismatch);

  registry.stop();
  CHECK(shop.failure(reference, digest, "connection refused") == ErrorKind::unreachable);
  CHECK_THROWS_AS(shop.digest(reference), Error);
  CHECK(file_count(shop.path("failing-cache")) == 0);
  write_file_atomically(blob, bytes);
  registry.start();
  CHECK_NOTHROW(shop.fetch(reference, digest, "failing-cache"));
}

TEST_CASE("a fetch that is killed starts again cleanly and ends in the same archive") {
  const Workshop shop(24'000'000);
  const test::Registry registry(shop.path("registry"));
  registry.push(shop.oci(), "agent:v1");
  const std::string reference = registry.reference("agent:v1");
  const std::string digest = shop.digest(reference);
  const std::string expected = sha256_of_file(shop.fetch(reference, digest, "whole").archive);
  int killed = 0;
  for (const int delay_ms : {30, 80, 150, 250, 350, 450}) {
    const pid_t child = ::fork();
    if (child == 0) {
      shop.fetch(reference, digest, "killed");
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    killed += WIFSIGNALED(status) ? 1 : 0;
  }
  CHECK(killed > 0);
  CHECK(sha256_of_file(shop.fetch(reference, digest, "killed").archive) == expected);
  CHECK(file_count(shop.path("killed")) == 2);
}
