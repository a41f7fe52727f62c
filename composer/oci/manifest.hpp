#pragma once
// The JSON of container images, as values: OCI image-spec (index, manifest, config), Docker's "image manifest version
// 2, schema 2" and Docker's archive manifest ("docker save"). Pure: text in, values out. The text is hostile: whatever
// is wrong in it is an Error(input) that begins with `name`, the place the text came from.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace compose::oci {

// Manifests, indexes and configurations are small; what is larger is refused before it is read.
inline constexpr std::uint64_t kJsonLimitBytes = 4U << 20U;

struct Descriptor {
  std::string digest;  // "sha256:…"
  std::uint64_t size_bytes = 0;
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
};

struct IndexEntry {
  Descriptor descriptor;
  std::string tag;       // annotation org.opencontainers.image.ref.name, may be empty
  std::string platform;  // "linux/amd64", "linux/arm/v7"; empty when the entry does not say
};

struct DockerArchiveEntry {
  std::string config;  // member names
  std::vector<std::string> layers;
  std::vector<std::string> tags;
};

struct Config {
  std::string platform;  // "linux/amd64"
  std::vector<std::string> diff_ids;
};

// Whether the text is an index (a manifest list) and not a manifest.
bool is_index(std::string_view text, const std::string& name);

Manifest parse_manifest(std::string_view text, const std::string& name);
std::vector<IndexEntry> parse_index(std::string_view text, const std::string& name);
std::vector<DockerArchiveEntry> parse_docker_archive_manifest(std::string_view text, const std::string& name);
Config parse_config(std::string_view text, const std::string& name);

// The entry of an index for `tag` (any when empty) and this project's platform, linux/amd64. Throws Error(input) that
// lists what there is when none or more than one fits.
IndexEntry choose(const std::vector<IndexEntry>& entries, const std::string& tag, const std::string& name);
DockerArchiveEntry choose(const std::vector<DockerArchiveEntry>& entries, const std::string& tag,
                          const std::string& name);

// docker's manifest.json for one image.
std::string docker_archive_manifest(const DockerArchiveEntry& entry);

}  // namespace compose::oci
