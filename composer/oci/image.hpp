#pragma once
// Container images: finding what a reference names now, and making from it the one archive that goes into a tree.

#include <cstdint>
#include <string>

#include "oci/reference.hpp"
#include "oci/source.hpp"
#include "support/events.hpp"

namespace compose::oci {

// The digest that a lock keeps: of the manifest for linux/amd64 (registry, OCI layout, OCI archive), or of the
// configuration (a docker archive, which has no manifest of its own). Asks the registry when the reference is one.
// Throws Error(unreachable) when it does not answer, Error(input) when there is no such image.
std::string resolve_digest(const ImageReference& reference, Events& events);

struct Image {
  std::string config_digest;  // "sha256:…": the image's id in docker and podman
  fs::path archive;           // a docker archive: 'docker load' and 'podman load' take it
  std::uint64_t size_bytes = 0;
};

// The image `digest` (as resolve_digest() gave it) as a docker archive in `cache_folder`, named `name_tag`
// ("amazon/amazon-ecs-agent:latest") when loaded. The archive's bytes depend on the image's content and `name_tag`
// alone: not on the form of the reference, the layers' compression, the host or the user. It appears whole or not at
// all; a later call finds it. Processes that share the folder wait for each other.
//
// Everything is checked before use: manifest, configuration and layers against their digests, layers once more after
// decompression, sizes, and every entry of every layer. Throws Error(mismatch) naming the expected and the found
// digest, Error(input) for a damaged, truncated or malicious image, Error(unreachable) for a registry.
Image fetch_image(const ImageReference& reference, const std::string& digest, const std::string& name_tag,
                  const fs::path& cache_folder, Events& events, const Limits& limits = {});

}  // namespace compose::oci
