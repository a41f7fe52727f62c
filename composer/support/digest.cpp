#include "support/digest.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/handle.hpp"

namespace compose {

struct Sha256::State {
  Handle<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) {
    throw Error(ErrorKind::failed, "SHA-256 is not available in this OpenSSL");
  }
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view data) {
  EVP_DigestUpdate(state_->context.get(), data.data(), data.size());
  return *this;
}

Sha256& Sha256::update(std::span<const unsigned char> data) {
  EVP_DigestUpdate(state_->context.get(), data.data(), data.size());
  return *this;
}

Sha256Bytes Sha256::finish() {
  Sha256Bytes bytes{};
  EVP_DigestFinal_ex(state_->context.get(), bytes.data(), nullptr);
  return bytes;
}

std::string to_hex(std::span<const unsigned char> bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    text.push_back(digits[byte >> 4U]);
    text.push_back(digits[byte & 15U]);
  }
  return text;
}

std::string sha256_hex(std::string_view data) {
  const Sha256Bytes bytes = Sha256().update(data).finish();
  return to_hex(bytes);
}

std::string sha256_of_file(const fs::path& path) {
  const Fd fd = open_file(path, O_RDONLY);
  Sha256 hash;
  std::vector<unsigned char> buffer(1U << 20U);
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", path.string(), errno);
    if (count == 0) return to_hex(hash.finish());
    hash.update(std::span<const unsigned char>(buffer.data(), static_cast<std::size_t>(count)));
  }
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace compose
