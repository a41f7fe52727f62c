#pragma once
// Where a container image comes from: the four forms a recipe or a profile may name.

#include <string>
#include <string_view>

#include "support/path.hpp"

namespace compose::oci {

struct ImageReference {
  enum class Kind { registry, oci_layout, oci_archive, docker_archive };

  Kind kind = Kind::registry;
  std::string text;        // as it was written; for messages
  std::string repository;  // registry: "HOST[:PORT]/PATH", "docker.io/library/NAME" for a bare NAME
  std::string tag;         // registry: "latest" unless given (empty beside a digest); file forms: may be empty
  std::string digest;      // registry: "sha256:…" when written after '@'
  fs::path path;           // file forms: the layout's folder or the archive
};

// "docker://HOST/REPOSITORY[:TAG][@DIGEST]", "oci:PATH[:TAG]", "oci-archive:PATH[:TAG]" or "docker-archive:PATH[:TAG]"
// (containers-transports(5)). Reads nothing from disk or network. Throws Error(input) naming these forms otherwise.
ImageReference parse_image_reference(const std::string& text);

// "docker://REPOSITORY@DIGEST": the reference's registry form for exactly one manifest.
std::string pinned(const ImageReference& reference, const std::string& digest);

// Whether `text` is "sha256:" and 64 lower-case hexadecimal characters. hex_of() is what follows the colon.
bool is_digest(std::string_view text);
std::string hex_of(const std::string& digest);

// Whether a registry is on this machine (localhost, 127.0.0.0/8, ::1): only there is plain http acceptable.
bool is_loopback(const ImageReference& reference);

}  // namespace compose::oci
