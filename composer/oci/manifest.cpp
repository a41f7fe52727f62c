#include "oci/manifest.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <nlohmann/json.hpp>

#include "oci/reference.hpp"
#include "support/error.hpp"

namespace compose::oci {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPlatform = "linux/amd64";
constexpr const char* kTagAnnotation = "org.opencontainers.image.ref.name";

[[noreturn]] void refuse(const std::string& name, const std::string& reason) {
  throw Error(ErrorKind::input, fmt::format("{}: {}", name, reason));
}

// What goes wrong inside `read` (a missing member, a wrong type) is the text's fault.
template <typename Read>
auto read_json(std::string_view text, const std::string& name, Read&& read) {
  try {
    return read(Json::parse(text));
  } catch (const Json::exception& error) {
    refuse(name, fmt::format("not the JSON it should be ({})", error.what()));
  }
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? std::string() : found->get<std::string>();
}

std::string checked_digest(const Json& value, const std::string& name) {
  auto digest = value.get<std::string>();
  if (!is_digest(digest)) refuse(name, fmt::format("'{}' is not a sha256 digest", digest.substr(0, 100)));
  return digest;
}

Descriptor descriptor_of(const Json& value, const std::string& name) {
  const Json& size = value.at("size");
  if (!size.is_number_unsigned()) refuse(name, "a descriptor's size is not a number of bytes");
  return {checked_digest(value.at("digest"), name), size.get<std::uint64_t>()};
}

std::string platform_of(const Json& value) {
  if (!value.contains("os") || !value.contains("architecture")) return {};
  const std::string variant = text_at(value, "variant");
  return fmt::format("{}/{}{}{}", text_at(value, "os"), text_at(value, "architecture"), variant.empty() ? "" : "/",
                     variant);
}

IndexEntry index_entry_of(const Json& value, const std::string& name) {
  IndexEntry entry;
  entry.descriptor = descriptor_of(value, name);
  if (value.contains("annotations")) entry.tag = text_at(value.at("annotations"), kTagAnnotation);
  if (value.contains("platform")) entry.platform = platform_of(value.at("platform"));
  return entry;
}

std::string or_nothing(const std::vector<std::string>& names) {
  return names.empty() ? "nothing" : boost::algorithm::join(names, ", ");
}

}  // namespace

bool is_index(std::string_view text, const std::string& name) {
  return read_json(text, name, [](const Json& json) { return json.contains("manifests"); });
}

Manifest parse_manifest(std::string_view text, const std::string& name) {
  return read_json(text, name, [&](const Json& json) {
    if (json.value("schemaVersion", 0) != 2) refuse(name, "an image manifest of an unknown (too old?) version");
    Manifest manifest;
    manifest.config = descriptor_of(json.at("config"), name);
    for (const Json& layer : json.at("layers")) manifest.layers.push_back(descriptor_of(layer, name));
    return manifest;
  });
}

std::vector<IndexEntry> parse_index(std::string_view text, const std::string& name) {
  return read_json(text, name, [&](const Json& json) {
    std::vector<IndexEntry> entries;
    for (const Json& value : json.at("manifests")) entries.push_back(index_entry_of(value, name));
    return entries;
  });
}

std::vector<DockerArchiveEntry> parse_docker_archive_manifest(std::string_view text, const std::string& name) {
  return read_json(text, name, [](const Json& json) {
    std::vector<DockerArchiveEntry> entries;
    for (const Json& value : json) {
      const auto tags = value.find("RepoTags");
      const bool has_tags = tags != value.end() && !tags->is_null();
      entries.push_back({value.at("Config").get<std::string>(), value.at("Layers").get<std::vector<std::string>>(),
                         has_tags ? tags->get<std::vector<std::string>>() : std::vector<std::string>()});
    }
    return entries;
  });
}

Config parse_config(std::string_view text, const std::string& name) {
  return read_json(text, name, [&](const Json& json) {
    Config config{platform_of(json), {}};
    for (const Json& diff_id : json.at("rootfs").at("diff_ids"))
      config.diff_ids.push_back(checked_digest(diff_id, name));
    if (!config.platform.starts_with(kPlatform)) {
      refuse(name, fmt::format("an image for '{}', and only {} hosts are composed", config.platform, kPlatform));
    }
    return config;
  });
}

IndexEntry choose(const std::vector<IndexEntry>& entries, const std::string& tag, const std::string& name) {
  std::vector<IndexEntry> fitting;
  std::vector<std::string> present;
  for (const IndexEntry& entry : entries) {
    present.push_back(fmt::format("'{}' {}", entry.tag, entry.platform));
    const bool right_tag = tag.empty() || entry.tag == tag;
    if (right_tag && (entry.platform.empty() || entry.platform == kPlatform)) fitting.push_back(entry);
  }
  if (fitting.size() == 1) return fitting.front();
  const std::string wanted = tag.empty() ? std::string(kPlatform) : fmt::format("'{}' for {}", tag, kPlatform);
  throw Error(ErrorKind::input,
              fmt::format("{}: {} image is {}", name, fitting.empty() ? "no" : "more than one", wanted),
              fmt::format("there is: {}", or_nothing(present)));
}

DockerArchiveEntry choose(const std::vector<DockerArchiveEntry>& entries, const std::string& tag,
                          const std::string& name) {
  if (tag.empty() && entries.size() == 1) return entries.front();
  std::vector<std::string> present;
  for (const DockerArchiveEntry& entry : entries) {
    if (!tag.empty() && std::find(entry.tags.begin(), entry.tags.end(), tag) != entry.tags.end()) return entry;
    present.insert(present.end(), entry.tags.begin(), entry.tags.end());
  }
  throw Error(ErrorKind::input,
              tag.empty()
                  ? fmt::format("{}: holds {} images, and the reference names none of them", name, entries.size())
                  : fmt::format("{}: no image is tagged '{}'", name, tag),
              fmt::format("there is: {}", or_nothing(present)));
}

std::string docker_archive_manifest(const DockerArchiveEntry& entry) {
  const Json image = {{"Config", entry.config}, {"Layers", entry.layers}, {"RepoTags", entry.tags}};
  return Json::array({image}).dump() + "\n";
}

}  // namespace compose::oci
