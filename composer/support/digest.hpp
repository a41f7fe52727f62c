#pragma once
// SHA-256 (OpenSSL) and hexadecimal text.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "support/path.hpp"

namespace compose {

using Sha256Bytes = std::array<unsigned char, 32>;

// A running SHA-256. finish() may be called once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::string_view data);
  Sha256& update(std::span<const unsigned char> data);
  Sha256Bytes finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Lower-case hexadecimal.
std::string to_hex(std::span<const unsigned char> bytes);

// 64 lower-case hexadecimal characters.
std::string sha256_hex(std::string_view data);

// Of a whole file, read in pieces. Throws Error(failed).
std::string sha256_of_file(const fs::path& path);

// Whether `text` is 64 lower-case hexadecimal characters: an OSTree checksum, or an OCI digest without "sha256:".
bool is_sha256_hex(std::string_view text);

}  // namespace compose
