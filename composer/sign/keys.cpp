#include "sign/keys.hpp"

#include <algorithm>
#include <cerrno>

#include <sodium.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::sign {
namespace {

void need_sodium() {
  if (sodium_init() < 0) throw Error(ErrorKind::failed, "libsodium cannot be initialised");
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Decodes exactly `out.size()` bytes; false when the text is anything else.
template <std::size_t Size>
bool decode_base64(std::string_view text, std::array<unsigned char, Size>& out) {
  std::size_t length = 0;
  const char* end = nullptr;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), " \t\r\n", &length, &end,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    return false;
  }
  return length == out.size() && end == text.data() + text.size();
}

template <typename Bytes>
std::string encode_base64(const Bytes& bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // libsodium's terminating NUL
  return text;
}

}  // namespace

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) {
  sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

SecretKey::~SecretKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

SecretKey SecretKey::generate() {
  need_sodium();
  SecretKey key;
  PublicKey ignored{};
  crypto_sign_keypair(ignored.data(), key.bytes_.data());
  return key;
}

SecretKey SecretKey::parse(std::string_view text, std::string_view origin) {
  need_sodium();
  SecretKey key;
  if (!decode_base64(text, key.bytes_)) {
    throw Error(ErrorKind::input,
                fmt::format("{} holds no Ed25519 secret key: expected 64 bytes as base64 on one line", origin),
                "make one with 'atomic-compose keygen FILE'");
  }
  SecretKey derived;
  PublicKey public_key{};
  crypto_sign_seed_keypair(public_key.data(), derived.bytes_.data(), key.bytes_.data());
  if (sodium_memcmp(derived.bytes_.data(), key.bytes_.data(), key.bytes_.size()) != 0) {
    throw Error(ErrorKind::input,
                fmt::format("{} holds a damaged Ed25519 key: its public half does not belong to its seed", origin));
  }
  return key;
}

SecretKey SecretKey::load(const fs::path& file) {
  const Fd fd = open_file(file, 0 /* O_RDONLY */);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno("reading", file.string(), errno);
  if ((info.st_mode & 077U) != 0) {
    throw Error(
        ErrorKind::input,
        fmt::format("the signing key '{}' can be read by others (mode {:04o})", file.string(), info.st_mode & 07777U),
        fmt::format("chmod 600 '{}', and think about who may have read it", file.string()));
  }
  return parse(read_file(file, 4096), fmt::format("'{}'", file.string()));
}

PublicKey SecretKey::public_key() const {
  PublicKey key{};
  std::copy(bytes_.begin() + 32, bytes_.end(), key.begin());
  return key;
}

std::string SecretKey::to_base64() const { return encode_base64(bytes_); }

std::string SecretKey::sign(std::string_view message) const {
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr, bytes_of(message), message.size(),
                       bytes_.data());
  return signature;
}

PublicKey parse_public_key(std::string_view text, std::string_view origin) {
  need_sodium();
  PublicKey key{};
  if (!decode_base64(text, key)) {
    throw Error(ErrorKind::input, fmt::format("{} is no Ed25519 public key: expected 32 bytes as base64", origin));
  }
  return key;
}

std::string to_base64(const PublicKey& key) { return encode_base64(key); }

bool verify(const PublicKey& key, std::string_view message, std::string_view signature) {
  need_sodium();
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(bytes_of(signature), bytes_of(message), message.size(), key.data()) == 0;
}

}  // namespace compose::sign
