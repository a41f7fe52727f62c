#include "oci/source.hpp"

#include <functional>
#include <optional>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "oci/manifest.hpp"
#include "oci/skopeo.hpp"
#include "oci/tar.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::oci {
namespace {

using Kind = ImageReference::Kind;

constexpr int kIndexDepth = 3;

// A small member of a layout ("index.json", "blobs/sha256/…"), from a folder or an archive; or nothing.
using ReadMember = std::function<std::optional<std::string>(const std::string& name)>;
// Where a blob's file is, by the hexadecimal part of its digest; or nothing.
using FindBlob = std::function<std::optional<fs::path>(const std::string& hex)>;

std::string digest_of(const std::string& bytes) { return "sha256:" + sha256_hex(bytes); }

std::string blob_name(const std::string& digest) { return "blobs/sha256/" + hex_of(digest); }

std::string title(const ImageReference& reference) { return fmt::format("image '{}'", reference.text); }

[[noreturn]] void throw_missing(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::input, fmt::format("{}: {} is missing", name, what),
              "the image is incomplete: copy or build it again");
}

std::optional<std::string> read_small_file(const fs::path& file) {
  if (!fs::is_regular_file(file)) return std::nullopt;
  if (fs::file_size(file) > kJsonLimitBytes) {
    throw Error(ErrorKind::input, fmt::format("'{}': larger than {} bytes", file.string(), kJsonLimitBytes));
  }
  return read_file(file, kJsonLimitBytes);
}

ReadMember member_reader(const ImageReference& reference) {
  const fs::path path = reference.path;
  if (reference.kind != Kind::oci_layout) {
    return [path](const std::string& name) { return read_member(path, name, kJsonLimitBytes); };
  }
  return [path](const std::string& name) { return read_small_file(path / name); };
}

void require_path(const ImageReference& reference) {
  if (fs::exists(reference.path)) return;
  throw Error(ErrorKind::input, fmt::format("{}: there is no '{}'", title(reference), reference.path.string()),
              "check the path; an image built from this repository may have to be built first");
}

std::string require_member(const ReadMember& read, const std::string& member, const std::string& name) {
  if (auto content = read(member)) return *std::move(content);
  throw_missing(name, fmt::format("'{}'", member));
}

// A blob that is JSON; its bytes are checked against its digest.
std::string read_json_blob(const ReadMember& read, const std::string& digest, const std::string& name) {
  std::string bytes = require_member(read, blob_name(digest), name);
  check_digest(fmt::format("{}: blob", name), digest, digest_of(bytes));
  return bytes;
}

// From a layout's index down to the manifest of one image.
std::string find_in_layout(const ReadMember& read, const ImageReference& reference) {
  const std::string name = title(reference);
  IndexEntry entry = choose(parse_index(require_member(read, "index.json", name), name), reference.tag, name);
  for (int depth = 0; depth < kIndexDepth; ++depth) {
    const std::string bytes = read_json_blob(read, entry.descriptor.digest, name);
    if (!is_index(bytes, name)) return entry.descriptor.digest;
    entry = choose(parse_index(bytes, name), "", name);
  }
  throw Error(ErrorKind::input, fmt::format("{}: indexes within indexes, more than {} deep", name, kIndexDepth));
}

std::string find_in_registry(const ImageReference& reference) {
  const std::string bytes = fetch_manifest(reference);
  const std::string name = title(reference);
  if (!reference.digest.empty()) check_digest(name, reference.digest, digest_of(bytes));
  if (!is_index(bytes, name)) return digest_of(bytes);
  return choose(parse_index(bytes, name), "", name).descriptor.digest;
}

DockerArchiveEntry docker_archive_entry(const ReadMember& read, const ImageReference& reference) {
  const std::string name = title(reference);
  return choose(parse_docker_archive_manifest(require_member(read, "manifest.json", name), name), reference.tag, name);
}

std::string find_in_docker_archive(const ImageReference& reference) {
  const ReadMember read = member_reader(reference);
  return digest_of(require_member(read, docker_archive_entry(read, reference).config, title(reference)));
}

Source from_manifest(const std::string& bytes, const FindBlob& find, const std::string& name) {
  const Manifest manifest = parse_manifest(bytes, name);
  const auto require = [&](const std::string& kind, const std::string& digest) {
    if (const auto file = find(hex_of(digest))) return *file;
    throw_missing(name, fmt::format("{} {}", kind, digest));
  };
  Source source;
  source.config = read_small_file(require("configuration", manifest.config.digest)).value();
  check_digest(fmt::format("{}: configuration", name), manifest.config.digest, digest_of(source.config));
  for (const Descriptor& layer : manifest.layers) {
    source.layers.push_back({fmt::format("{}: layer {}", name, layer.digest), layer.digest, layer.size_bytes,
                             require("layer", layer.digest)});
  }
  return source;
}

// The pinned manifest may still be there when the tag has moved on. If it is not, say what there is instead.
std::string read_pinned_manifest(const ReadMember& read, const ImageReference& reference, const std::string& digest) {
  const auto bytes = read(blob_name(digest));
  if (!bytes) check_digest(title(reference), digest, find_in_layout(read, reference));
  if (!bytes) throw_missing(title(reference), fmt::format("manifest {}", digest));
  check_digest(title(reference), digest, digest_of(*bytes));
  return *bytes;
}

std::optional<fs::path> existing(const fs::path& file) {
  return fs::is_regular_file(file) ? std::optional(file) : std::nullopt;
}

Source open_layout(const ImageReference& reference, const std::string& digest) {
  const fs::path blobs = reference.path / "blobs/sha256";
  return from_manifest(
      read_pinned_manifest(member_reader(reference), reference, digest),
      [&](const std::string& hex) { return existing(blobs / hex); }, title(reference));
}

Source open_oci_archive(const ImageReference& reference, const std::string& digest, const Members& members) {
  const ReadMember read = [&](const std::string& name) {
    const auto file = members.find(name);
    return file ? read_small_file(*file) : std::nullopt;
  };
  return from_manifest(
      read_pinned_manifest(read, reference, digest),
      [&](const std::string& hex) { return members.find("blobs/sha256/" + hex); }, title(reference));
}

Source open_registry(const ImageReference& reference, const std::string& digest, const fs::path& folder) {
  const fs::path blobs = folder / "blobs";
  fs::create_directory(blobs);
  fetch_blobs(reference, digest, blobs);
  const auto manifest = read_small_file(blobs / "manifest.json");
  if (!manifest) throw_missing(title(reference), "the manifest");
  check_digest(title(reference), digest, digest_of(*manifest));
  return from_manifest(
      *manifest, [&](const std::string& hex) { return existing(blobs / hex); }, title(reference));
}

Source open_docker_archive(const ImageReference& reference, const std::string& digest, const Members& members) {
  const std::string name = title(reference);
  const auto require = [&](const std::string& member) {
    if (const auto file = members.find(member)) return *file;
    throw_missing(name, fmt::format("'{}'", member));
  };
  const auto read = [&](const std::string& member) { return read_small_file(require(member)); };
  const DockerArchiveEntry entry = docker_archive_entry(read, reference);
  Source source{read(entry.config).value(), {}};
  check_digest(name, digest, digest_of(source.config));
  for (const std::string& layer : entry.layers) {
    source.layers.push_back({fmt::format("{}: layer '{}'", name, layer), "", 0, require(layer)});
  }
  return source;
}

}  // namespace

void check_digest(const std::string& name, const std::string& expected, const std::string& found) {
  if (expected == found) return;
  throw Error(ErrorKind::mismatch, fmt::format("{}: expected {}, found {}", name, expected, found),
              "if the image was meant to change, renew the lock with 'resolve --update'");
}

std::string find_digest(const ImageReference& reference) {
  if (reference.kind == Kind::registry) return find_in_registry(reference);
  require_path(reference);
  if (reference.kind == Kind::docker_archive) return find_in_docker_archive(reference);
  return find_in_layout(member_reader(reference), reference);
}

Source open_source(const ImageReference& reference, const std::string& digest, const fs::path& folder,
                   const Limits& limits) {
  if (reference.kind == Kind::registry) return open_registry(reference, digest, folder);
  require_path(reference);
  if (reference.kind == Kind::oci_layout) return open_layout(reference, digest);
  const Members members = unpack(reference.path, folder, limits.archive_bytes);
  return reference.kind == Kind::oci_archive ? open_oci_archive(reference, digest, members)
                                             : open_docker_archive(reference, digest, members);
}

}  // namespace compose::oci
