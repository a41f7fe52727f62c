#include "oci/reference.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "support/digest.hpp"
#include "support/error.hpp"

namespace compose::oci {
namespace {

using Kind = ImageReference::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 4> kTransports = {{
    {"docker://", Kind::registry},
    {"oci:", Kind::oci_layout},
    {"oci-archive:", Kind::oci_archive},
    {"docker-archive:", Kind::docker_archive},
}};

[[noreturn]] void refuse(const std::string& text, std::string_view reason) {
  throw Error(
      ErrorKind::input, fmt::format("image '{}': {}", text, reason),
      "write docker://HOST/REPOSITORY:TAG, oci:PATH[:TAG], oci-archive:PATH[:TAG] or docker-archive:PATH[:TAG]");
}

bool is_one_of(char c, std::string_view punctuation) {
  const bool digit = c >= '0' && c <= '9';
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return digit || letter || punctuation.find(c) != std::string_view::npos;
}

bool consists_of(std::string_view text, std::string_view punctuation) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return is_one_of(c, punctuation); });
}

// A first component with a dot, a colon or the name localhost is a host; anything else is a repository of docker.io.
std::string with_host(const std::string& name) {
  const auto slash = name.find('/');
  const std::string first = name.substr(0, slash);
  if (slash == std::string::npos) return "docker.io/library/" + name;
  if (first == "localhost" || first.find_first_of(".:") != std::string::npos) return name;
  return "docker.io/" + name;
}

std::string take_after(std::string& text, std::size_t separator) {
  std::string rest = text.substr(separator + 1);
  text.resize(separator);
  return rest;
}

void parse_registry(std::string name, ImageReference& reference) {
  if (const auto at = name.find('@'); at != std::string::npos) reference.digest = take_after(name, at);
  if (!reference.digest.empty() && !is_digest(reference.digest)) {
    refuse(reference.text, "the digest is not 'sha256:' and 64 hexadecimal characters");
  }
  // A colon before the last slash belongs to the host's port.
  const auto colon = name.find(':', name.rfind('/') == std::string::npos ? 0 : name.rfind('/'));
  if (colon != std::string::npos) {
    reference.tag = take_after(name, colon);
    if (reference.tag.empty()) refuse(reference.text, "the tag is empty");
  }
  if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
  if (!consists_of(reference.tag, "._-")) refuse(reference.text, "the tag may hold letters, digits, '.', '_' and '-'");
  const bool has_empty_part =
      name.empty() || name.front() == '/' || name.back() == '/' || name.find("//") != std::string::npos;
  if (has_empty_part || !consists_of(name, "._-/:[]"))
    refuse(reference.text, "no registry and repository can be read from it");
  reference.repository = with_host(name);
}

void parse_path(std::string rest, ImageReference& reference) {
  if (const auto colon = rest.find(':'); colon != std::string::npos) reference.tag = take_after(rest, colon);
  if (rest.empty()) refuse(reference.text, "the path is empty");
  reference.path = rest;
}

}  // namespace

ImageReference parse_image_reference(const std::string& text) {
  for (const auto& [prefix, kind] : kTransports) {
    if (!text.starts_with(prefix)) continue;
    ImageReference reference;
    reference.kind = kind;
    reference.text = text;
    const std::string rest = text.substr(prefix.size());
    kind == Kind::registry ? parse_registry(rest, reference) : parse_path(rest, reference);
    return reference;
  }
  refuse(text, "it does not say where the image is");
}

bool is_digest(std::string_view text) { return text.starts_with("sha256:") && is_sha256_hex(text.substr(7)); }

std::string hex_of(const std::string& digest) { return digest.substr(digest.find(':') + 1); }

std::string pinned(const ImageReference& reference, const std::string& digest) {
  return fmt::format("docker://{}@{}", reference.repository, digest);
}

bool is_loopback(const ImageReference& reference) {
  std::string host = reference.repository.substr(0, reference.repository.find('/'));
  if (host.starts_with("[::1]")) return true;
  host.resize(std::min(host.size(), host.find(':')));
  const bool is_address =
      std::all_of(host.begin(), host.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return host == "localhost" || (is_address && host.starts_with("127."));
}

}  // namespace compose::oci
