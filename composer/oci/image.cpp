#include "oci/image.hpp"

#include <cerrno>
#include <optional>
#include <set>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "oci/manifest.hpp"
#include "oci/tar.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::oci {
namespace {

using Json = nlohmann::json;

// Part of every cache key: raise it when the archive's bytes change for the same image.
constexpr int kFormatVersion = 1;

// An archive in the cache, and beside it a note of what it has to be.
struct Slot {
  fs::path archive;
  fs::path note;
};

Slot slot_for(const fs::path& cache, const std::string& digest, const std::string& name_tag) {
  const std::string variant = sha256_hex(fmt::format("{} {}", kFormatVersion, name_tag)).substr(0, 12);
  const std::string stem = fmt::format("{}-{}", hex_of(digest), variant);
  return {cache / (stem + ".tar"), cache / (stem + ".json")};
}

// Nothing when the archive is not there, or is not what was noted: then it is made anew.
std::optional<Image> find(const Slot& slot) {
  if (!fs::is_regular_file(slot.note) || !fs::is_regular_file(slot.archive)) return std::nullopt;
  const Json note = Json::parse(read_file(slot.note), nullptr, false);
  if (!note.is_object()) return std::nullopt;
  const Json id = note.value("config_digest", Json());
  const std::uint64_t size_bytes = fs::file_size(slot.archive);
  if (!id.is_string() || note.value("size_bytes", Json()) != size_bytes) return std::nullopt;
  if (note.value("archive_sha256", Json()) != sha256_of_file(slot.archive)) return std::nullopt;
  return Image{id.get<std::string>(), slot.archive, size_bytes};
}

void write_note(const Slot& slot, const Image& image) {
  const Json note = {{"archive_sha256", sha256_of_file(slot.archive)},
                     {"config_digest", image.config_digest},
                     {"size_bytes", image.size_bytes}};
  write_file_atomically(slot.note, note.dump() + "\n");
}

// Held until the descriptor is closed, also when the process is killed.
Fd lock(const fs::path& folder) {
  Fd fd = open_file(folder, O_RDONLY | O_DIRECTORY);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw_errno("locking", folder.string(), errno);
  }
  return fd;
}

// What killed runs left; with the lock held nobody is at work here.
void sweep(const fs::path& folder) {
  boost::system::error_code ignored;  // a dying skopeo may still be adding files: the next run removes them
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("fetch-") || entry.path().extension() == ".partial") fs::remove_all(entry.path(), ignored);
  }
}

void check_layer_file(const Layer& layer) {
  const std::uint64_t size_bytes = fs::file_size(layer.file);
  if (size_bytes != layer.size_bytes) {
    throw Error(ErrorKind::input,
                fmt::format("{}: {}: {} bytes, and the manifest says {}", layer.name,
                            size_bytes < layer.size_bytes ? "truncated" : "too long", size_bytes, layer.size_bytes),
                "the copy of the image is damaged: copy or build it again");
  }
  check_digest(layer.name, layer.digest, "sha256:" + sha256_of_file(layer.file));
}

// The layer as a plain tar in `work`, with everything about it checked.
TarFile unpack_layer(const Layer& layer, const std::string& diff_id, const fs::path& work, const Limits& limits) {
  if (!layer.digest.empty()) check_layer_file(layer);
  const std::string name = hex_of(diff_id) + ".tar";
  TarFile file{name, "", work / name};
  check_digest(layer.name + " (decompressed)", diff_id,
               decompress(layer.file, file.source, limits.layer_bytes, layer.name));
  check_layer(file.source, layer.name);
  return file;
}

// Every layer once, in order; an image may name one twice.
std::vector<TarFile> unpack_layers(const Source& source, const Config& config, const fs::path& work,
                                   const Limits& limits, Stage& stage) {
  std::vector<TarFile> files;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < source.layers.size(); ++i) {
    stage.progress(i, source.layers.size(), "layers");
    if (seen.insert(config.diff_ids[i]).second)
      files.push_back(unpack_layer(source.layers[i], config.diff_ids[i], work, limits));
  }
  return files;
}

std::string manifest_text(const Config& config, const std::string& config_name, const std::string& name_tag) {
  DockerArchiveEntry entry{config_name, {}, {name_tag}};
  for (const std::string& diff_id : config.diff_ids) entry.layers.push_back(hex_of(diff_id) + ".tar");
  return docker_archive_manifest(entry);
}

Image write_archive(const Source& source, const std::string& name_tag, const fs::path& work, const Slot& slot,
                    const Limits& limits, const std::string& name, Stage& stage) {
  const Config config = parse_config(source.config, name + ": configuration");
  if (config.diff_ids.size() != source.layers.size()) {
    throw Error(ErrorKind::input, fmt::format("{}: {} layers, and its configuration names {}", name,
                                              source.layers.size(), config.diff_ids.size()));
  }
  const std::string id = sha256_hex(source.config);
  std::vector<TarFile> files = unpack_layers(source, config, work, limits, stage);
  files.insert(files.begin(), {{"manifest.json", manifest_text(config, id + ".json", name_tag), {}},
                               {id + ".json", source.config, {}}});
  AtomicFile archive(slot.archive);
  write_tar(archive.fd(), files, slot.archive.string());
  archive.commit();
  return {"sha256:" + id, slot.archive, fs::file_size(slot.archive)};
}

void check_name_tag(const std::string& name_tag) {
  const ImageReference name = parse_image_reference("docker://" + name_tag);
  if (name_tag.find(':', name_tag.rfind('/') + 1) == std::string::npos || !name.digest.empty()) {
    throw Error(ErrorKind::input, fmt::format("the image's name in the host, '{}', has no tag", name_tag),
                "write NAME:TAG");
  }
}

}  // namespace

std::string resolve_digest(const ImageReference& reference, Events& events) {
  Stage stage(events, "resolve-image", reference.text);
  std::string digest = find_digest(reference);
  stage.finish(digest);
  return digest;
}

Image fetch_image(const ImageReference& reference, const std::string& digest, const std::string& name_tag,
                  const fs::path& cache_folder, Events& events, const Limits& limits) {
  Stage stage(events, "image", reference.text);
  if (!is_digest(digest)) throw Error(ErrorKind::input, fmt::format("'{}' is not a sha256 digest", digest));
  check_name_tag(name_tag);
  fs::create_directories(cache_folder);
  const Slot slot = slot_for(cache_folder, digest, name_tag);
  const Fd locked = lock(cache_folder);
  if (auto image = find(slot)) {
    stage.finish("found");
    return *std::move(image);
  }
  sweep(cache_folder);
  const TemporaryDirectory work(cache_folder, "fetch-");
  const Source source = open_source(reference, digest, work.path(), limits);
  Image image =
      write_archive(source, name_tag, work.path(), slot, limits, fmt::format("image '{}'", reference.text), stage);
  write_note(slot, image);
  stage.finish(fmt::format("{} bytes", image.size_bytes));
  return image;
}

}  // namespace compose::oci
