#pragma once
// Container images made by tests: tar entries byte by byte (also those no tar program would write), and OCI layouts.

#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::test {

struct TarEntry {
  std::string name;
  std::string content = {};
  char type = '0';        // '0' file, '1' hard link, '2' symbolic link, '5' directory
  std::string link = {};  // target of a link
};

inline void put_octal(std::array<char, 512>& header, std::size_t at, std::size_t digits, std::size_t value) {
  const std::string text = fmt::format("{:0{}o}", value, digits);
  std::memcpy(header.data() + at, text.data(), digits);
}

inline std::string tar_header(const TarEntry& entry) {
  std::array<char, 512> header{};
  std::memcpy(header.data(), entry.name.data(), entry.name.size());
  put_octal(header, 100, 7, entry.type == '5' ? 0755 : 0644);
  put_octal(header, 108, 7, 0);
  put_octal(header, 116, 7, 0);
  put_octal(header, 124, 11, entry.content.size());
  put_octal(header, 136, 11, 0);
  std::memset(header.data() + 148, ' ', 8);
  header[156] = entry.type;
  std::memcpy(header.data() + 157, entry.link.data(), entry.link.size());
  std::memcpy(header.data() + 257, "ustar\00000", 8);
  std::size_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put_octal(header, 148, 6, sum);
  header[154] = '\0';
  return {header.begin(), header.end()};
}

// A ustar archive of these entries, as they are.
inline std::string make_tar(const std::vector<TarEntry>& entries) {
  std::string tar;
  for (const TarEntry& entry : entries) {
    tar += tar_header(entry) + entry.content;
    tar.resize((tar.size() + 511) / 512 * 512, '\0');
  }
  return tar + std::string(1024, '\0');
}

// The bytes after a compressor: {"gzip", "-n"}, {"zstd", "-q"}.
inline std::string compress(const std::string& bytes, std::vector<std::string> program, const fs::path& folder) {
  const fs::path file = folder / "to-compress";
  write_file_atomically(file, bytes);
  program.insert(program.end(), {"-c", file.string()});
  return run_checked(program);
}

struct Blob {
  std::string digest;
  std::size_t size = 0;
};

// An OCI layout in the making: blobs are added, then index.json says what they are.
class LayoutFixture {
 public:
  explicit LayoutFixture(fs::path folder) : folder_(std::move(folder)) {
    fs::create_directories(folder_ / "blobs/sha256");
    write_file_atomically(folder_ / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  }

  const fs::path& folder() const { return folder_; }
  fs::path blob_file(const std::string& digest) const { return folder_ / "blobs/sha256" / digest.substr(7); }

  Blob add_blob(const std::string& bytes) const {
    const std::string hex = sha256_hex(bytes);
    write_file_atomically(folder_ / "blobs/sha256" / hex, bytes);
    return {"sha256:" + hex, bytes.size()};
  }

  // A manifest of layers given as (blob as stored, sha256 of the plain tar).
  struct LayerBlob {
    Blob blob;
    std::string diff_id;
  };
  LayerBlob add_layer(const std::string& tar, const std::vector<std::string>& compressor = {}) const {
    return {add_blob(compressor.empty() ? tar : compress(tar, compressor, folder_.parent_path())),
            "sha256:" + sha256_hex(tar)};
  }

  Blob add_image(const std::vector<LayerBlob>& layers, const std::string& architecture = "amd64") const {
    std::string diff_ids;
    std::string descriptors;
    for (const LayerBlob& layer : layers) {
      diff_ids += fmt::format(R"({}"{}")", diff_ids.empty() ? "" : ",", layer.diff_id);
      descriptors +=
          (descriptors.empty() ? "" : ",") + descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer.blob);
    }
    const Blob config = add_blob(fmt::format(
        R"({{"architecture":"{}","os":"linux","config":{{"Cmd":["/agent"]}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
        architecture, diff_ids));
    return add_manifest(config, descriptors);
  }

  Blob add_manifest(const Blob& config, const std::string& layer_descriptors) const {
    return add_blob(fmt::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}})",
        descriptor("application/vnd.oci.image.config.v1+json", config), layer_descriptors));
  }

  static std::string descriptor(const std::string& media_type, const Blob& blob, const std::string& more = {}) {
    return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}{}}})", media_type, blob.digest, blob.size, more);
  }

  void tag(const Blob& manifest, const std::string& name) const {
    write_index({descriptor("application/vnd.oci.image.manifest.v1+json", manifest,
                            fmt::format(R"(,"annotations":{{"org.opencontainers.image.ref.name":"{}"}})", name))});
  }

  void write_index(const std::vector<std::string>& descriptors) const {
    std::string list;
    for (const std::string& text : descriptors) list += (list.empty() ? "" : ",") + text;
    write_file_atomically(folder_ / "index.json", fmt::format(R"({{"schemaVersion":2,"manifests":[{}]}})", list));
  }

 private:
  fs::path folder_;
};

}  // namespace compose::test
