#pragma once
// OpenPGP signatures, made by the gpg program and checked by gpgv: the kind that every libostree can verify
// (RFC 4880; GnuPG 2.2). No key is ever on a command line.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "support/path.hpp"

namespace compose::sign {

// The packets of one or more public keys, armored (RFC 4880, section 6) or binary already; what stands between armored
// blocks is left out. Throws Error(input), naming `origin`, for anything else, a private key among it.
std::string public_keys_of(std::string_view text, std::string_view origin);

class GpgSigner {
 public:
  // Signs with the secret half of the first key of `public_key_file` that the user's own GnuPG has: agent, smart cards
  // and GNUPGHOME as everywhere. Throws Error(input) when it has none.
  static GpgSigner of_user(const fs::path& public_key_file);
  // Signs with `secret`, an exported key without a passphrase, which is imported into a home that lives as long as the
  // signer. `origin` names where it came from, the text itself is never repeated. Throws Error(input).
  static GpgSigner of_key(const fs::path& public_key_file, std::string_view secret, std::string_view origin);
  GpgSigner(GpgSigner&&) noexcept;
  ~GpgSigner();

  // A detached signature, binary. It holds the time at which it was made: no two are the same. Throws Error(failed)
  // when gpg cannot, Error(input) when what it made is no signature by a key of the public key file.
  std::string sign(std::string_view data) const;
  // Whether `signature` is a good one of `data` by a key of the public key file.
  bool verify(std::string_view data, std::string_view signature) const;

 private:
  struct State;
  explicit GpgSigner(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace compose::sign
