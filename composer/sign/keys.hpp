#pragma once
// Ed25519 keys and signatures (libsodium), in the formats libostree uses: a public key is 32 bytes, a secret key the
// 32-byte seed followed by the public key (64 bytes), both written as base64 on one line (ostree-sign(1), "ed25519").

#include <array>
#include <string>
#include <string_view>

#include "support/path.hpp"

namespace compose::sign {

using PublicKey = std::array<unsigned char, 32>;

// A secret key; its memory is wiped when it goes.
class SecretKey {
 public:
  // A new key from the system's random source.
  static SecretKey generate();
  // From base64 text (surrounding white space is ignored). Throws Error(input): `origin` names where it came from, the
  // text itself is never repeated.
  static SecretKey parse(std::string_view text, std::string_view origin);
  // From a file that only its owner may read. Throws Error(input) for other modes.
  static SecretKey load(const fs::path& file);

  SecretKey(SecretKey&&) noexcept;
  SecretKey& operator=(SecretKey&&) = delete;
  ~SecretKey();

  PublicKey public_key() const;
  std::string to_base64() const;
  // The 64-byte detached signature of `message`; the same message and key always give the same one (RFC 8032).
  std::string sign(std::string_view message) const;

 private:
  SecretKey() = default;
  std::array<unsigned char, 64> bytes_{};
};

// Throws Error(input) naming `origin` unless `text` is the base64 of 32 bytes.
PublicKey parse_public_key(std::string_view text, std::string_view origin);
std::string to_base64(const PublicKey& key);

// Whether `signature` (64 bytes; other sizes are false) is `key`'s signature of `message`.
bool verify(const PublicKey& key, std::string_view message, std::string_view signature);

}  // namespace compose::sign
