#pragma once
// SHA-256 (OpenSSL) and hexadecimal text.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
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

// Of bytes that are all there. Meant for many small pieces.
Sha256Bytes sha256(std::span<const unsigned char> bytes);

// Lower-case hexadecimal.
std::string to_hex(std::span<const unsigned char> bytes);

// The bytes that lower-case hexadecimal text stands for; nothing for any other text.
std::optional<std::string> parse_hex(std::string_view text);
std::optional<Sha256Bytes> parse_sha256(std::string_view text);

// 64 lower-case hexadecimal characters.
std::string sha256_hex(std::string_view data);

// The SHA-256 of a file that may still grow towards its end: each byte is read once, holes are not read. finish() may
// be called once.
class FileSha256 {
 public:
  // `fd` must stay open; `name` is for error texts.
  FileSha256(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}

  // Hashes on up to `end_bytes`, before which nobody writes any more. Throws Error(failed).
  void advance_to(std::uint64_t end_bytes);
  // Of all bytes so far, as text.
  std::string finish();

 private:
  void hash_data(std::uint64_t end_bytes);
  void hash_zeros(std::uint64_t end_bytes);
  std::uint64_t next_extent(int whence, std::uint64_t end_bytes) const;
  [[noreturn]] void throw_shorter() const;

  int fd_;
  std::string name_;
  std::uint64_t at_ = 0;
  Sha256 hash_;
};

// Of a whole file, read in pieces. Throws Error(failed).
std::string sha256_of_file(const fs::path& path);

// Whether `text` is 64 lower-case hexadecimal characters: an OSTree checksum, or an OCI digest without "sha256:".
bool is_sha256_hex(std::string_view text);

}  // namespace compose
