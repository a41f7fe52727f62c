#include "support/digest.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/handle.hpp"

namespace compose {

namespace {

// Looked up once: OpenSSL takes longer for that than for hashing a block of a disk.
const EVP_MD* algorithm() {
  static const Handle<EVP_MD, EVP_MD_free> sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  return sha256.get();
}

void start(EVP_MD_CTX* context) {
  if (EVP_DigestInit_ex(context, algorithm(), nullptr) != 1) {
    throw Error(ErrorKind::failed, "SHA-256 is not available in this OpenSSL");
  }
}

}  // namespace

struct Sha256::State {
  Handle<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) { start(state_->context.get()); }
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

Sha256Bytes sha256(std::span<const unsigned char> bytes) {
  thread_local const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  start(context.get());
  EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
  Sha256Bytes digest{};
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  return digest;
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

std::optional<std::string> parse_hex(std::string_view text) {
  const auto value = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = value(text[i]);
    const int low = value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

std::optional<Sha256Bytes> parse_sha256(std::string_view text) {
  const auto bytes = parse_hex(text);
  Sha256Bytes digest{};
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

std::string sha256_hex(std::string_view data) {
  const Sha256Bytes bytes = Sha256().update(data).finish();
  return to_hex(bytes);
}

namespace {

constexpr std::uint64_t piece_bytes = 1U << 20U;

}  // namespace

// The holes of a disk image are not read: the kernel would fill its cache with their zeros. What lies behind
// `end_bytes` may change at any moment, so that a hole found there tells nothing.
void FileSha256::advance_to(std::uint64_t end_bytes) {
  while (at_ < end_bytes) {
    hash_zeros(next_extent(SEEK_DATA, end_bytes));
    if (at_ < end_bytes) hash_data(next_extent(SEEK_HOLE, end_bytes));
  }
}

std::string FileSha256::finish() { return to_hex(hash_.finish()); }

// The next offset where data (SEEK_DATA) or a hole (SEEK_HOLE) begins, at most `end_bytes`.
std::uint64_t FileSha256::next_extent(int whence, std::uint64_t end_bytes) const {
  const off_t found = ::lseek(fd_, static_cast<off_t>(at_), whence);
  if (found >= 0) return std::min(static_cast<std::uint64_t>(found), end_bytes);
  if (errno != ENXIO) throw_errno("reading", name_, errno);
  struct stat info {};
  if (::fstat(fd_, &info) != 0) throw_errno("reading", name_, errno);
  if (static_cast<std::uint64_t>(info.st_size) < end_bytes) throw_shorter();
  return end_bytes;
}

void FileSha256::throw_shorter() const {
  throw Error(ErrorKind::failed, "reading '" + name_ + "': it became shorter meanwhile");
}

void FileSha256::hash_zeros(std::uint64_t end_bytes) {
  static const std::vector<unsigned char> zeros(piece_bytes);
  while (at_ < end_bytes) {
    const std::uint64_t count = std::min(end_bytes - at_, piece_bytes);
    hash_.update(std::span(zeros).first(count));
    at_ += count;
  }
}

void FileSha256::hash_data(std::uint64_t end_bytes) {
  std::vector<unsigned char> buffer(std::min(end_bytes - at_, piece_bytes));
  while (at_ < end_bytes) {
    const std::uint64_t wanted = std::min<std::uint64_t>(end_bytes - at_, buffer.size());
    const ssize_t count = ::pread(fd_, buffer.data(), wanted, static_cast<off_t>(at_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", name_, errno);
    if (count == 0) throw_shorter();
    hash_.update(std::span<const unsigned char>(buffer).first(static_cast<std::size_t>(count)));
    at_ += static_cast<std::uint64_t>(count);
  }
}

std::string sha256_of_file(const fs::path& path) {
  const Fd fd = open_file(path, O_RDONLY);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno("reading", path.string(), errno);
  FileSha256 hash(fd.get(), path.string());
  hash.advance_to(static_cast<std::uint64_t>(info.st_size));
  return hash.finish();
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace compose
