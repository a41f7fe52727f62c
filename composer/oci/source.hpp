#pragma once
// The four forms of an image made one: its configuration's bytes and its layers as files.

#include <cstdint>
#include <string>
#include <vector>

#include "oci/reference.hpp"

namespace compose::oci {

// No declared size is trusted; these bound what an image may make us write.
struct Limits {
  std::uint64_t layer_bytes = 8ULL << 30U;     // one layer, decompressed (ustar's largest file)
  std::uint64_t archive_bytes = 16ULL << 30U;  // an archive's members, together
};

struct Layer {
  std::string name;              // for messages: "IMAGE: layer sha256:…"
  std::string digest;            // of the file; empty where the source does not tell (a docker archive)
  std::uint64_t size_bytes = 0;  // as declared, with the digest
  fs::path file;
};

struct Source {
  std::string config;  // the bytes whose sha256 is the image's id
  std::vector<Layer> layers;
};

// The image's digest as the source has it now: see resolve_digest() in image.hpp.
std::string find_digest(const ImageReference& reference);

// Makes the image `digest` readable; what has to be copied goes into the empty `folder`. Configuration and manifest are
// checked against their digests here, the layers are not yet. Throws Error(mismatch) naming both digests when the
// source has another image now, Error(input) when a part is missing.
Source open_source(const ImageReference& reference, const std::string& digest, const fs::path& folder,
                   const Limits& limits);

// Throws Error(mismatch) unless `found` is `expected`.
void check_digest(const std::string& name, const std::string& expected, const std::string& found);

}  // namespace compose::oci
