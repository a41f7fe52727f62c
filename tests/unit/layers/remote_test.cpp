#include "layers/remote.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/gpg_key.hpp"
#include "support/scratch_repository.hpp"

namespace compose::layers {
namespace {

using tests::GpgKey;
using tests::ScratchRepository;

recipe::PublishOstree publishing(const GpgKey* key) {
  recipe::PublishOstree publish;
  publish.url = "https://example.org/repo";
  publish.remote = "hosts";
  if (key != nullptr) publish.gpg = recipe::GpgKeys{key->public_file(), std::nullopt, std::nullopt};
  return publish;
}

// What the features of `ostree --version` say of Debian 12 and of Fedora.
constexpr const char* without_ed25519 =
    "\x7f"
    "ELF\0libcurl libsoup gpgme\0";
constexpr const char* with_ed25519 =
    "\x7f"
    "ELF libcurl gpgme sign-ed25519 composefs";

struct Written {
  std::string remote;
  std::string keyring;
};

Written put(const recipe::PublishOstree& publish, const char* program) {
  ScratchRepository repository;
  Written written;
  repository.commit([&](ostree::Tree& tree) {
    if (program != nullptr) tree.put_file("/usr/bin/ostree", tests::file_meta(0755), program);
    put_remote(tree, publish, "/usr/share/ostree/trusted.ed25519.d/x");
    written.remote = tree.read("/usr/etc/ostree/remotes.d/hosts.conf");
    const std::string keyring = "/usr/etc/ostree/remotes.d/hosts.trustedkeys.gpg";
    if (tree.lookup(keyring)) written.keyring = tree.read(keyring);
  });
  return written;
}

TEST_CASE("a host whose libostree verifies no Ed25519 gets a remote with GPG alone") {
  const GpgKey key;
  const Written written = put(publishing(&key), without_ed25519);
  CHECK(written.remote ==
        "[remote \"hosts\"]\nurl=https://example.org/repo\ngpg-verify=true\ngpg-verify-summary=true\n");
  CHECK(written.keyring == key.gpg({"--export"}));
}

TEST_CASE("a host whose libostree verifies Ed25519 has to see that signature too") {
  const std::string ed25519 =
      "sign-verify=ed25519\nsign-verify-summary=ed25519\n"
      "verification-ed25519-file=/usr/share/ostree/trusted.ed25519.d/x\n";
  const GpgKey key;
  const std::string start = "[remote \"hosts\"]\nurl=https://example.org/repo\n";
  CHECK(put(publishing(&key), with_ed25519).remote == start + "gpg-verify=true\ngpg-verify-summary=true\n" + ed25519);
  const Written without_gpg = put(publishing(nullptr), with_ed25519);
  CHECK(without_gpg.remote == start + "gpg-verify=false\ngpg-verify-summary=false\n" + ed25519);
  CHECK(without_gpg.keyring.empty());
}

TEST_CASE("an image whose hosts could verify nothing is refused") {
  for (const char* program : {without_ed25519, static_cast<const char*>(nullptr)}) {
    try {
      put(publishing(nullptr), program);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::input);
      CHECK(error.explain().find("give [publish.ostree] a gpg-key") != std::string::npos);
    }
  }
}

TEST_CASE("another key, name or address of the remote is another layer") {
  const GpgKey key;
  const GpgKey other;
  const std::string one = describe_remote(publishing(&key));
  CHECK(one == describe_remote(publishing(&key)));
  CHECK(one != describe_remote(publishing(&other)));
  CHECK(one != describe_remote(publishing(nullptr)));
  recipe::PublishOstree elsewhere = publishing(&key);
  elsewhere.url += "2";
  CHECK(one != describe_remote(elsewhere));
  // What only the publisher does is no part of the image.
  recipe::PublishOstree longer = publishing(&key);
  longer.keep = 50;
  longer.deltas = 4;
  CHECK(one == describe_remote(longer));
}

}  // namespace
}  // namespace compose::layers
