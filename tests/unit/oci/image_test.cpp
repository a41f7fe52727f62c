#include "oci/image.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/image_fixture.hpp"

using namespace compose;
using namespace compose::oci;
using test::make_tar;

namespace {

const std::string kName = "amazon/amazon-ecs-agent:latest";

struct Workshop {
  TemporaryDirectory directory{fs::temp_directory_path(), "image-test-"};
  test::LayoutFixture layout{directory.path() / "layout"};
  std::unique_ptr<Events> events = make_null_events();

  fs::path cache() const { return directory.path() / "cache"; }
  std::string oci(const std::string& tag = "") const {
    return "oci:" + layout.folder().string() + (tag.empty() ? "" : ":" + tag);
  }
  std::string archive(const std::string& form, const std::string& name, const std::string& tag) const {
    return fmt::format("{}:{}:{}", form, (directory.path() / name).string(), tag);
  }
  std::string digest(const std::string& text) const { return resolve_digest(parse_image_reference(text), *events); }
  Image fetch(const std::string& text, const std::string& digest, const std::string& cache_name = "cache",
              Limits limits = {}) const {
    return fetch_image(parse_image_reference(text), digest, kName, directory.path() / cache_name, *events, limits);
  }
  // The failure of fetching what the layout's one tag names.
  Error failure(const std::string& text, const std::string& digest, Limits limits = {}) const {
    try {
      fetch(text, digest, "cache", limits);
    } catch (const Error& error) {
      CHECK(file_count(cache()) == 0);
      return error;
    }
    FAIL("no failure");
    throw;
  }
  static std::ptrdiff_t file_count(const fs::path& folder) {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  }
};

std::string layer_one() { return make_tar({{"agent", std::string(5000, 'a')}}); }
std::string layer_two() { return make_tar({{"etc/", "", '5'}, {"etc/motd", "hello"}}); }

// Tags what is valid, and says its digest.
std::string add_good_image(const Workshop& shop) {
  const auto manifest = shop.layout.add_image(
      {shop.layout.add_layer(layer_one(), {"gzip", "-n"}), shop.layout.add_layer(layer_two(), {"zstd", "-q"})});
  shop.layout.tag(manifest, "latest");
  return manifest.digest;
}

bool has(const Error& error, const std::string& text) { return error.explain().find(text) != std::string::npos; }

}  // namespace

TEST_CASE("an OCI layout's tag resolves to its manifest's digest, also through an index of platforms") {
  const Workshop shop;
  const std::string digest = add_good_image(shop);
  CHECK(shop.digest(shop.oci("latest")) == digest);
  CHECK(shop.digest(shop.oci()) == digest);
  const auto other = shop.layout.add_image({}, "arm64");
  const auto descriptor = [&](const std::string& of, const std::string& architecture) {
    return fmt::format(R"({{"digest":"{}","size":1,"platform":{{"os":"linux","architecture":"{}"}}}})", of,
                       architecture);
  };
  const auto index = shop.layout.add_blob(fmt::format(R"({{"schemaVersion":2,"manifests":[{},{}]}})",
                                                      descriptor(other.digest, "arm64"), descriptor(digest, "amd64")));
  shop.layout.tag(index, "multi");
  CHECK(shop.digest(shop.oci("multi")) == digest);
}

TEST_CASE("an image becomes a docker archive that holds exactly its configuration and layers") {
  const Workshop shop;
  const std::string digest = add_good_image(shop);
  const Image image = shop.fetch(shop.oci("latest"), digest);
  CHECK(image.size_bytes == fs::file_size(image.archive));
  const auto member = [&](const std::string& name) {
    return run_checked({"tar", "-xOf", image.archive.string(), name});
  };
  const std::string config = member(image.config_digest.substr(7) + ".json");
  CHECK("sha256:" + sha256_hex(config) == image.config_digest);
  CHECK(member("manifest.json") ==
        fmt::format("[{{\"Config\":\"{}.json\",\"Layers\":[\"{}.tar\",\"{}.tar\"],\"RepoTags\":[\"{}\"]}}]\n",
                    image.config_digest.substr(7), sha256_hex(layer_one()), sha256_hex(layer_two()), kName));
  CHECK(member(sha256_hex(layer_one()) + ".tar") == layer_one());
  CHECK(member(sha256_hex(layer_two()) + ".tar") == layer_two());
}

TEST_CASE("the archive is the same from a layout, an OCI archive and a docker archive of one image") {
  const Workshop shop;
  const std::string digest = add_good_image(shop);
  const std::string folder = shop.layout.folder().string();
  const std::string oci_archive = (shop.directory.path() / "oci.tar").string();
  run_checked({"tar", "-C", folder, "-cf", oci_archive, "."});
  const Image from_layout = shop.fetch(shop.oci("latest"), digest);
  const Image from_oci_archive = shop.fetch("oci-archive:" + oci_archive + ":latest", digest, "second");
  CHECK(shop.digest("oci-archive:" + oci_archive) == digest);
  CHECK(sha256_of_file(from_layout.archive) == sha256_of_file(from_oci_archive.archive));

  const std::string docker_archive = "docker-archive:" + from_layout.archive.string();
  CHECK(shop.digest(docker_archive) == from_layout.config_digest);
  CHECK(shop.digest(docker_archive + ":" + kName) == from_layout.config_digest);
  const Image from_docker_archive = shop.fetch(docker_archive, from_layout.config_digest, "third");
  CHECK(sha256_of_file(from_layout.archive) == sha256_of_file(from_docker_archive.archive));
}

TEST_CASE("layers compressed in another way give the same archive") {
  const Workshop one;
  const Workshop two;
  const auto plain = [](const Workshop& shop, const std::vector<std::string>& compressor) {
    const auto manifest = shop.layout.add_image({shop.layout.add_layer(layer_one(), compressor)});
    shop.layout.tag(manifest, "latest");
    return sha256_of_file(shop.fetch(shop.oci(), manifest.digest).archive);
  };
  CHECK(plain(one, {}) == plain(two, {"gzip", "-9", "-n"}));
}

TEST_CASE("a layer that an image names twice is stored once") {
  const Workshop shop;
  const auto layer = shop.layout.add_layer(layer_one());
  const auto manifest = shop.layout.add_image({layer, layer});
  shop.layout.tag(manifest, "latest");
  const Image image = shop.fetch(shop.oci(), manifest.digest);
  const std::string list = run_checked({"tar", "-tf", image.archive.string()});
  CHECK(std::count(list.begin(), list.end(), '\n') == 3);
}

TEST_CASE("a second fetch finds the archive, a damaged one is made anew") {
  const Workshop shop;
  const std::string digest = add_good_image(shop);
  const Image first = shop.fetch(shop.oci(), digest);
  const std::string bytes = read_file(first.archive);
  fs::remove_all(shop.layout.folder() / "blobs");  // nothing is read a second time
  CHECK(shop.fetch(shop.oci(), digest).config_digest == first.config_digest);

  fs::create_directories(shop.layout.folder() / "blobs/sha256");
  add_good_image(shop);
  std::string damaged = bytes;
  damaged[damaged.size() / 2] ^= 1;
  write_file_atomically(first.archive, damaged);
  CHECK(read_file(shop.fetch(shop.oci(), digest).archive) == bytes);
}

TEST_CASE("what a killed fetch left is removed by the next") {
  const Workshop shop;
  const std::string digest = add_good_image(shop);
  fs::create_directories(shop.cache() / "fetch-abcdef/blobs");
  write_file_atomically(shop.cache() / "fetch-abcdef/blobs/x", "half");
  write_file_atomically(shop.cache() / ".x.tar.partial", "half");
  shop.fetch(shop.oci(), digest);
  CHECK(Workshop::file_count(shop.cache()) == 2);
}

TEST_CASE("another digest than the lock's is a mismatch that names both") {
  const Workshop shop;
  const std::string digest = add_good_image(shop);
  const std::string locked = "sha256:" + std::string(64, '1');
  const Error error = shop.failure(shop.oci("latest"), locked);
  CHECK(error.kind() == ErrorKind::mismatch);
  CHECK(has(error, "expected " + locked + ", found " + digest));
  CHECK(has(error, "resolve --update"));
}

TEST_CASE("a pinned manifest is used after the tag has moved on") {
  const Workshop shop;
  const std::string digest = add_good_image(shop);
  const Image before = shop.fetch(shop.oci("latest"), digest);
  shop.layout.tag(shop.layout.add_image({shop.layout.add_layer(layer_two())}), "latest");
  CHECK(shop.fetch(shop.oci("latest"), digest, "second").config_digest == before.config_digest);
}

TEST_CASE("a layer file shorter than its manifest says is truncated, by name") {
  const Workshop shop;
  const auto layer = shop.layout.add_layer(layer_one(), {"gzip", "-n"});
  const auto manifest = shop.layout.add_image({layer});
  shop.layout.tag(manifest, "latest");
  fs::resize_file(shop.layout.blob_file(layer.blob.digest), layer.blob.size - 5);
  const Error error = shop.failure(shop.oci(), manifest.digest);
  CHECK(error.kind() == ErrorKind::input);
  CHECK(has(error, "layer " + layer.blob.digest + ": truncated: "));
  CHECK(has(error, "copy or build it again"));
}

TEST_CASE("a layer that was cut before it was described is still found out") {
  const Workshop shop;
  const std::string whole = test::compress(layer_one(), {"gzip", "-n"}, shop.directory.path());
  const auto blob = shop.layout.add_blob(whole.substr(0, whole.size() - 20));
  const auto manifest = shop.layout.add_image({{blob, "sha256:" + sha256_hex(layer_one())}});
  shop.layout.tag(manifest, "latest");
  const Error error = shop.failure(shop.oci(), manifest.digest);
  CHECK(error.kind() == ErrorKind::input);
  CHECK(has(error, "layer " + blob.digest + ": damaged or truncated: "));
}

TEST_CASE("a changed layer, manifest or configuration does not match its digest") {
  const Workshop shop;
  const auto layer = shop.layout.add_layer(layer_one());
  const auto manifest = shop.layout.add_image({layer});
  shop.layout.tag(manifest, "latest");
  const auto flip = [&](const std::string& digest) {
    std::string bytes = read_file(shop.layout.blob_file(digest));
    bytes[10] ^= 1;
    write_file_atomically(shop.layout.blob_file(digest), bytes);
    return "expected " + digest + ", found sha256:" + sha256_hex(bytes);
  };
  const std::string expected = flip(GENERATE(0, 1) == 0 ? layer.blob.digest : manifest.digest);
  const Error error = shop.failure(shop.oci(), manifest.digest);
  CHECK(error.kind() == ErrorKind::mismatch);
  CHECK(has(error, expected));
}

TEST_CASE("a layer whose content is not what the configuration names does not match") {
  const Workshop shop;
  const auto blob = shop.layout.add_blob(layer_one());
  const auto manifest = shop.layout.add_image({{blob, "sha256:" + sha256_hex(layer_two())}});
  shop.layout.tag(manifest, "latest");
  const Error error = shop.failure(shop.oci(), manifest.digest);
  CHECK(error.kind() == ErrorKind::mismatch);
  CHECK(has(error, "layer " + blob.digest + " (decompressed): expected sha256:" + sha256_hex(layer_two())));
}

TEST_CASE("a layer with a path escape is refused, naming layer and entry") {
  const Workshop shop;
  const auto layer = shop.layout.add_layer(make_tar({{"fine", "x"}, {"../../etc/cron.d/evil", "x"}}), {"gzip", "-n"});
  const auto manifest = shop.layout.add_image({layer});
  shop.layout.tag(manifest, "latest");
  const Error error = shop.failure(shop.oci(), manifest.digest);
  CHECK(error.kind() == ErrorKind::input);
  CHECK(has(error, "layer " + layer.blob.digest + ": entry '../../etc/cron.d/evil' is outside of the image"));
}

TEST_CASE("a layer that decompresses beyond the limit is refused and leaves nothing") {
  const Workshop shop;
  const auto layer = shop.layout.add_layer(make_tar({{"zeros", std::string(8U << 20U, '\0')}}), {"gzip", "-n"});
  const auto manifest = shop.layout.add_image({layer});
  shop.layout.tag(manifest, "latest");
  const Error error = shop.failure(shop.oci(), manifest.digest, {1U << 20U, 1U << 30U});
  CHECK(error.kind() == ErrorKind::input);
  CHECK(has(error, "larger than the limit of 1048576 bytes"));
}

TEST_CASE("a missing part is named") {
  const Workshop shop;
  const auto layer = shop.layout.add_layer(layer_one());
  const auto manifest = shop.layout.add_image({layer});
  shop.layout.tag(manifest, "latest");
  fs::remove(shop.layout.blob_file(layer.blob.digest));
  const Error error = shop.failure(shop.oci(), manifest.digest);
  CHECK(error.kind() == ErrorKind::input);
  CHECK(has(error, "layer " + layer.blob.digest + " is missing"));
  CHECK(has(shop.failure("oci:/no/such/layout", manifest.digest), "there is no '/no/such/layout'"));
}

TEST_CASE("an image for another architecture is refused") {
  const Workshop shop;
  const auto manifest = shop.layout.add_image({shop.layout.add_layer(layer_one())}, "arm64");
  shop.layout.tag(manifest, "latest");
  CHECK(has(shop.failure(shop.oci(), manifest.digest), "an image for 'linux/arm64'"));
}

TEST_CASE("the name in the host must have a tag") {
  const Workshop shop;
  const std::string digest = add_good_image(shop);
  CHECK_THROWS_AS(fetch_image(parse_image_reference(shop.oci()), digest, "amazon/agent", shop.cache(), *shop.events),
                  Error);
}
