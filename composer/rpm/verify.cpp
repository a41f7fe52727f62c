// Signatures and digests of packages, as download.hpp promises them.

#include <algorithm>
#include <array>

#include <fcntl.h>

#include <fmt/format.h>
#include <rpm/rpmcli.h>

#include "rpm/download.hpp"
#include "rpm/keys.hpp"
#include "rpm/library.hpp"
#include "rpm/nevra.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

// librpm's findings, one a line: "Header V4 RSA/SHA256 Signature, key ID 182a54a1: OK", "Payload SHA256 digest: BAD
// (…)".
using Findings = std::vector<std::string>;

const std::string* first_with(const Findings& findings, std::string_view part) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const std::string& line) { return line.find(part) != std::string::npos; });
  return found == findings.end() ? nullptr : &*found;
}

std::string trimmed(const std::string& line) {
  const auto start = line.find_first_not_of(" \n");
  const auto end = line.find(" (Expected");
  return start == std::string::npos ? "" : line.substr(start, end == std::string::npos ? end : end - start);
}

[[noreturn]] void refuse(const fs::path& package, const std::string& why, const std::string& hint) {
  throw Error(ErrorKind::mismatch, fmt::format("package '{}' {}", package.filename().string(), why), hint);
}

[[noreturn]] void explain(const fs::path& package, const Findings& findings) {
  const std::string damaged =
      "fetch it again: remove it from the cache; if that does not help, the repository's copy is "
      "damaged, or somebody changed it";
  if (const auto* bad = first_with(findings, ": BAD")) refuse(package, "is damaged: " + trimmed(*bad), damaged);
  if (const auto* no_key = first_with(findings, ": NOKEY")) {
    refuse(package, fmt::format("is signed by a key that is not among the trusted ones: {}", trimmed(*no_key)),
           "if the key is the distribution's, add it to gpgkey= of the .repo file");
  }
  if (first_with(findings, "ignature: NOTFOUND") != nullptr) {
    refuse(package, "is not signed",
           "sign it, or name its repository in `unsigned-repos` of [packages] when that is meant");
  }
  if (const auto* other = first_with(findings, ": NOTTRUSTED")) refuse(package, trimmed(*other), {});
  refuse(package, "is not a package, or damaged", damaged);
}

void verify(const fs::path& package, rpmKeyring keyring, int level, rpmVSFlags flags) {
  const LogCapture log(RPMLOG_INFO);
  const TransactionSet transaction(rpmtsCreate());
  rpmtsSetKeyring(transaction.get(), keyring);
  rpmtsSetVfyLevel(transaction.get(), level);
  rpmtsSetVfyFlags(transaction.get(), flags);
  std::string name = package.string();
  std::array<char*, 2> arguments{name.data(), nullptr};
  if (rpmcliVerifySignatures(transaction.get(), arguments.data()) != 0) explain(package, log.messages());
}

}  // namespace

void verify_package(const fs::path& package, const std::vector<fs::path>& keys) {
  const LogCapture log;
  const Keyring keyring = make_keyring(keys);
  verify(package, keyring.get(), RPMSIG_SIGNATURE_TYPE | RPMSIG_DIGEST_TYPE, RPMVSF_DEFAULT);
}

void verify_digests(const fs::path& package) {
  const LogCapture log;
  const Keyring nobody(rpmKeyringNew());
  verify(package, nobody.get(), RPMSIG_DIGEST_TYPE, static_cast<rpmVSFlags>(RPMVSF_MASK_NOSIGNATURES));
}

void verify_name(const fs::path& package, const std::string& nevra) {
  const LogCapture log;
  const TransactionSet transaction(rpmtsCreate());
  rpmtsSetVSFlags(transaction.get(), static_cast<rpmVSFlags>(RPMVSF_MASK_NOSIGNATURES | RPMVSF_MASK_NODIGESTS));
  const RpmFile file(Fopen(package.c_str(), "r.ufdio"));
  Header read = nullptr;
  if (file) rpmReadPackageFile(transaction.get(), file.get(), package.c_str(), &read);
  const HeaderHandle header(read);
  if (!header) refuse(package, "is not a package: " + log.text(), {});
  const auto text = [&](rpmTagVal tag) {
    const char* value = headerGetString(header.get(), tag);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string found = to_text({text(RPMTAG_NAME), std::to_string(headerGetNumber(header.get(), RPMTAG_EPOCH)),
                                     text(RPMTAG_VERSION), text(RPMTAG_RELEASE), text(RPMTAG_ARCH)});
  if (found != nevra) refuse(package, fmt::format("is {}, where {} is expected", found, nevra), {});
}

}  // namespace compose::rpm
