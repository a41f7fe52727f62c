#include "layers/base.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "ostree/pull.hpp"
#include "ostree/tree.hpp"
#include "sign/keys.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::layers {
namespace {

ostree::PullSource source_of(const recipe::Base& base) {
  ostree::PullSource source;
  if (const auto* remote = std::get_if<recipe::RemoteBase>(&base.source)) {
    source.url = remote->url;
  } else {
    source.url = "file://" + std::get<recipe::LocalBase>(base.source).repository.string();
  }
  if (const auto* gpg = std::get_if<recipe::VerifyGpg>(&base.verify)) source.gpg_key_file = gpg->key_file;
  return source;
}

// A key outside the project is looked for only now.
void need_key(const fs::path& file) {
  if (fs::is_regular_file(file)) return;
  throw Error(
      ErrorKind::input, fmt::format("there is no GPG key file '{}', which [base] verify.gpg names", file.string()),
      "get the key from whoever signs the base, compare its fingerprint, and put it there or name another file");
}

std::string describe(const recipe::Verify& verify) {
  if (const auto* gpg = std::get_if<recipe::VerifyGpg>(&verify)) {
    need_key(gpg->key_file);
    return "gpg " + sha256_of_file(gpg->key_file);
  }
  if (const auto* key = std::get_if<recipe::VerifyEd25519>(&verify)) return "ed25519 " + key->public_key_base64;
  return "none";
}

// GPG was checked by libostree while fetching; Ed25519 is not in every libostree, so it is checked here.
void check_ed25519(ostree::Repository& repository, const recipe::Base& base, const std::string& commit) {
  const auto* wanted = std::get_if<recipe::VerifyEd25519>(&base.verify);
  if (wanted == nullptr) return;
  const sign::PublicKey key = sign::parse_public_key(wanted->public_key_base64, "[base] verify.ed25519");
  const std::string message = ostree::commit_bytes(repository, commit);
  const auto signatures = ostree::commit_signatures(repository, commit);
  const bool valid = std::any_of(signatures.begin(), signatures.end(),
                                 [&](const std::string& signature) { return sign::verify(key, message, signature); });
  if (valid) return;
  throw Error(ErrorKind::mismatch,
              fmt::format("commit {} of '{}' {}", commit, base.ref,
                          signatures.empty() ? "carries no Ed25519 signature"
                                             : "carries no Ed25519 signature by the key of [base] verify.ed25519"),
              "name the key that signs this repository, or set verify = \"none\" to accept unsigned commits");
}

std::string fetch_base(Context& context, const recipe::Base& base, const std::string& commit) {
  const ostree::PullSource source = source_of(base);
  Stage stage(context.events, "pull", base.ref);
  ostree::fetch_commit_object(context.repository, source, commit);
  check_ed25519(context.repository, base, commit);
  ostree::pull_commit(context.repository, source, commit, [&](const ostree::PullProgress& progress) {
    stage.progress(progress.objects_done, progress.objects_total, "objects");
  });
  stage.finish(commit);
  return commit;
}

}  // namespace

std::string resolve_base(Context& context, const recipe::Base& base) {
  return with_context(fmt::format("resolving the base '{}'", base.ref), [&] {
    if (const auto* gpg = std::get_if<recipe::VerifyGpg>(&base.verify)) need_key(gpg->key_file);
    const std::string commit = ostree::fetch_commit_of_ref(context.repository, source_of(base), base.ref);
    check_ed25519(context.repository, base, commit);
    return commit;
  });
}

Layer base_layer(const recipe::Base& base, const std::string& commit) {
  Layer layer;
  layer.name = "base";
  layer.is_foundation = true;
  layer.inputs = fmt::format("commit {}\nfrom {}\nverify {}\n", commit, source_of(base).url, describe(base.verify));
  layer.make = [base, commit](Context& context, const std::string&) { return fetch_base(context, base, commit); };
  return layer;
}

}  // namespace compose::layers
