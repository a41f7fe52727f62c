#include "layers/remote.hpp"

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "sign/gpg.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::layers {
namespace {

constexpr const char* folder = "/usr/etc/ostree/remotes.d/";

// The program tells the features that it was built with (`ostree --version`): one word each. A libostree without this
// one fails every pull of a remote with sign-verify=ed25519, and of one with sign-verify=true.
bool verifies_ed25519(const ostree::Tree& tree) {
  const auto program = tree.lookup("/usr/bin/ostree");
  return program && program->kind == ostree::NodeKind::file &&
         tree.read("/usr/bin/ostree").find("sign-ed25519") != std::string::npos;
}

std::string gpg_keys(const recipe::GpgKeys& gpg) {
  const fs::path& file = gpg.public_key_file;
  if (!fs::is_regular_file(file)) {
    throw Error(ErrorKind::input,
                fmt::format("there is no GPG key file '{}', which [publish.ostree] gpg-key names", file.string()));
  }
  return sign::public_keys_of(read_file(file, 1U << 20U), fmt::format("'{}'", file.string()));
}

}  // namespace

void put_remote(ostree::Tree& tree, const recipe::PublishOstree& publish, const std::string& ed25519_key_file) {
  const bool ed25519 = verifies_ed25519(tree);
  if (!ed25519 && !publish.gpg) {
    throw Error(ErrorKind::input,
                "hosts could not verify what they upgrade to: the libostree in the tree verifies no Ed25519 signatures",
                "give [publish.ostree] a gpg-key: every libostree can verify those");
  }
  const char* gpg = publish.gpg ? "true" : "false";
  std::string text = fmt::format("[remote \"{}\"]\nurl={}\ngpg-verify={}\ngpg-verify-summary={}\n", publish.remote,
                                 publish.url, gpg, gpg);
  if (ed25519) {
    text += fmt::format("sign-verify=ed25519\nsign-verify-summary=ed25519\nverification-ed25519-file={}\n",
                        ed25519_key_file);
  }
  const FileMeta meta{0, 0, S_IFREG | 0644U, {}};
  tree.put_file(folder + publish.remote + ".conf", meta, text);
  if (publish.gpg) tree.put_file(folder + publish.remote + ".trustedkeys.gpg", meta, gpg_keys(*publish.gpg));
}

std::string describe_remote(const recipe::PublishOstree& publish) {
  const std::string keys = publish.gpg ? sha256_hex(gpg_keys(*publish.gpg)) : "";
  return fmt::format("remote {} {}\ngpg {}\n", publish.remote, publish.url, keys);
}

}  // namespace compose::layers
