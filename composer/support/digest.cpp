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

namespace {

constexpr std::size_t piece_bytes = 1U << 20U;

// The next offset at or after `from` where data (SEEK_DATA) or a hole (SEEK_HOLE) begins; the size when there is none.
std::uint64_t next_extent(int fd, std::uint64_t from, int whence, std::uint64_t size, const fs::path& path) {
  const off_t found = ::lseek(fd, static_cast<off_t>(from), whence);
  if (found >= 0) return std::min(static_cast<std::uint64_t>(found), size);
  if (errno == ENXIO) return size;
  throw_errno("reading", path.string(), errno);
}

void hash_zeros(Sha256& hash, std::uint64_t count) {
  static const std::vector<unsigned char> zeros(piece_bytes);
  for (; count > 0; count -= std::min<std::uint64_t>(count, piece_bytes)) {
    hash.update(std::span(zeros).first(static_cast<std::size_t>(std::min<std::uint64_t>(count, piece_bytes))));
  }
}

void hash_data(Sha256& hash, int fd, std::uint64_t from, std::uint64_t end, const fs::path& path) {
  std::vector<unsigned char> buffer(piece_bytes);
  while (from < end) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(end - from, piece_bytes));
    const ssize_t count = ::pread(fd, buffer.data(), wanted, static_cast<off_t>(from));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", path.string(), errno);
    if (count == 0) throw Error(ErrorKind::failed, "reading '" + path.string() + "': it became shorter meanwhile");
    hash.update(std::span<const unsigned char>(buffer).first(static_cast<std::size_t>(count)));
    from += static_cast<std::uint64_t>(count);
  }
}

}  // namespace

// The holes of a disk image are not read: the kernel would fill its cache with their zeros.
std::string sha256_of_file(const fs::path& path) {
  const Fd fd = open_file(path, O_RDONLY);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno("reading", path.string(), errno);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  Sha256 hash;
  for (std::uint64_t at = 0; at < size;) {
    const std::uint64_t data = next_extent(fd.get(), at, SEEK_DATA, size, path);
    const std::uint64_t hole = data < size ? next_extent(fd.get(), data, SEEK_HOLE, size, path) : size;
    hash_zeros(hash, data - at);
    hash_data(hash, fd.get(), data, hole, path);
    at = hole;
  }
  return to_hex(hash.finish());
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace compose
