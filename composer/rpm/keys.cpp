#include "rpm/keys.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <rpm/rpmpgp.h>
#include <boost/filesystem/operations.hpp>

#include "rpm/download.hpp"
#include "rpm/transfer.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::rpm {
namespace {

constexpr std::uint64_t key_limit_bytes = 1U << 20U;
constexpr std::string_view block_start = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

using Bytes = std::unique_ptr<std::uint8_t, Deleter<std::free>>;

// A file may hold several armoured keys one after the other, or one that is not armoured.
std::vector<std::string> packets_of(const std::string& content) {
  std::vector<std::string> all;
  for (auto at = content.find(block_start); at != std::string::npos; at = content.find(block_start, at + 1)) {
    const std::string block = content.substr(at, content.find(block_start, at + 1) - at);
    std::uint8_t* decoded = nullptr;
    std::size_t size = 0;
    const pgpArmor kind = pgpParsePkts(block.c_str(), &decoded, &size);
    const Bytes owned(decoded);
    if (kind == PGPARMOR_PUBKEY) all.emplace_back(reinterpret_cast<const char*>(decoded), size);
  }
  if (all.empty()) all.push_back(content);
  return all;
}

// A key and its subkeys, any of which may have made a signature.
bool add_key(rpmKeyring keyring, const std::uint8_t* packets, std::size_t size) {
  const PublicKey key(rpmPubkeyNew(packets, size));
  if (!key || rpmKeyringAddKey(keyring, key.get()) < 0) return false;
  int count = 0;
  const std::unique_ptr<rpmPubkey, Deleter<std::free>> subkeys(rpmGetSubkeys(key.get(), &count));
  for (int i = 0; i < count; ++i) {
    const PublicKey subkey(subkeys.get()[i]);
    rpmKeyringAddKey(keyring, subkey.get());
  }
  return true;
}

int add_keys(rpmKeyring keyring, const std::string& content) {
  int added = 0;
  for (const std::string& packets : packets_of(content)) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(packets.data());
    std::size_t left = packets.size();
    std::size_t size = 0;
    while (left > 0 && pgpPubKeyCertLen(at, left, &size) == 0 && size > 0 && size <= left) {
      if (add_key(keyring, at, size)) ++added;
      at += size;
      left -= size;
    }
  }
  return added;
}

bool is_remote(const std::string& key) { return key.starts_with("http://") || key.starts_with("https://"); }

std::string local_path(const std::string& key) { return key.starts_with("file://") ? key.substr(7) : key; }

fs::path keep(const fs::path& folder, const std::string& content) {
  const fs::path file = folder / (sha256_hex(content) + ".asc");
  if (!fs::exists(file)) write_file_atomically(file, content);
  return file;
}

// A URL's key is fetched once: afterwards builds need no network, and another key at the same place is not taken.
fs::path keep_remote(const fs::path& folder, const std::string& url) {
  const fs::path pointer = folder / (sha256_hex(url) + ".url");
  if (fs::exists(pointer)) {
    const fs::path file = folder / (read_file(pointer) + ".asc");
    if (is_sha256_hex(file.stem().string()) && fs::exists(file) && sha256_of_file(file) == file.stem()) return file;
  }
  const fs::path file = keep(folder, fetch_url(url, key_limit_bytes));
  write_file_atomically(pointer, file.stem().string());
  return file;
}

}  // namespace

Keyring make_keyring(const std::vector<fs::path>& keys) {
  Keyring keyring(rpmKeyringNew());
  for (const auto& key : keys) {
    if (add_keys(keyring.get(), read_file(key, key_limit_bytes)) == 0)
      throw Error(ErrorKind::input, fmt::format("'{}' holds no OpenPGP public key that librpm can read", key.string()));
  }
  return keyring;
}

std::vector<fs::path> fetch_keys(const Trust& trust, const fs::path& cache) {
  const fs::path folder = cache / "keys";
  fs::create_directories(folder);
  std::vector<fs::path> files;
  for (const auto& key : trust.keys) {
    files.push_back(is_remote(key) ? keep_remote(folder, key)
                                   : keep(folder, read_file(local_path(key), key_limit_bytes)));
    with_context(fmt::format("reading the key '{}'", key), [&] {
      const LogCapture capture;
      return make_keyring({files.back()});
    });
  }
  return files;
}

}  // namespace compose::rpm
