#include "build/disks.hpp"

#include <functional>

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "disk/disk.hpp"
#include "ostree/content.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::build {
namespace {

// Size and time of change of a file: enough to see that nobody touched it since.
std::optional<std::string> fingerprint(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return std::nullopt;
  return fmt::format("{} {}.{:09}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

// What the disk's bytes depend on.
std::string identity(const recipe::Recipe& recipe, const std::vector<LayerReport>& chain) {
  std::string text =
      fmt::format("{}\nname {}\nstateroot {}\nref {}\nsize {}\nkargs {}\nbootloader {}\n", ATOMIC_COMPOSE_VERSION,
                  recipe.name, recipe.disk.stateroot, recipe.ref, recipe.disk.size_bytes.value_or(0),
                  boost::algorithm::join(recipe.disk.kargs, " "), disk::host_bootloader_identity());
  if (recipe.publish.ostree) text += "remote " + recipe.publish.ostree->remote + "\n";
  for (const auto& layer : chain) text += layer.commit + "\n";
  return sha256_hex(text);
}

// What was written for a recipe last time: workspace/disks/NAME.json.
class Record {
 public:
  Record(fs::path file, std::string identity) : file_(std::move(file)), identity_(std::move(identity)) {
    if (!fs::exists(file_)) return;
    json_ = nlohmann::json::parse(read_file(file_), nullptr, false);
    if (!json_.is_object() || json_.value("identity", "") != identity_) json_ = {};
  }

  std::optional<std::string> sha256_of(const fs::path& disk) const {
    const std::string& name = disk.string();
    if (!json_.is_object() || !json_.contains("disks") || !json_["disks"].contains(name)) return std::nullopt;
    const auto& entry = json_["disks"][name];
    if (fingerprint(disk) != entry.value("fingerprint", "")) return std::nullopt;
    return entry.value("sha256", "");
  }

  void remember(const DiskReport& disk) {
    json_["identity"] = identity_;
    json_["disks"][disk.path.string()] = {{"fingerprint", fingerprint(disk.path).value_or("")},
                                          {"sha256", disk.sha256}};
    write_file_atomically(file_, json_.dump(2) + "\n");
  }

 private:
  fs::path file_;
  std::string identity_;
  nlohmann::json json_;
};

void write_raw(const recipe::Recipe& recipe, const std::vector<LayerReport>& layers, layers::Context& context,
               const fs::path& target, disk::ImageHash& hash) {
  Stage stage(context.events, "disk", target.filename().string());
  std::vector<std::string> commits;
  commits.reserve(layers.size());
  for (const auto& layer : layers) commits.push_back(layer.commit);
  const ChainContent chain = ostree::read_chain(context.repository, commits);
  disk::DiskSpec spec;
  spec.name = recipe.name;
  spec.stateroot = recipe.disk.stateroot;
  spec.ref = recipe.ref;
  if (recipe.publish.ostree) spec.remote = recipe.publish.ostree->remote;
  spec.kargs = recipe.disk.kargs;
  spec.size_bytes = recipe.disk.size_bytes;
  spec.label = context.labels.load(context.repository, layers.back().commit, context.scratch);
  const disk::DiskResult result = disk::write_raw_disk(spec, chain, target, context.events, &hash);
  stage.finish(fmt::format("{} MiB, {} MiB used", result.size_bytes >> 20U, result.used_bytes >> 20U));
}

DiskReport describe(const std::string& format, const fs::path& path, const std::optional<std::string>& known,
                    const std::function<std::string()>& make_sha256, Events& events) {
  DiskReport report{format, path, {}, static_cast<std::uint64_t>(fs::file_size(path)), known.has_value()};
  if (known) {
    report.sha256 = *known;
  } else {
    Stage stage(events, "hash", path.filename().string());
    report.sha256 = make_sha256();
    stage.finish(report.sha256);
  }
  return report;
}

}  // namespace

std::vector<DiskReport> make_disks(const recipe::Recipe& recipe, const std::vector<LayerReport>& chain,
                                   Workspace& workspace, const Options& options, layers::Context& context) {
  Events& events = context.events;
  boost::system::error_code error;
  fs::create_directories(options.out, error);
  if (error) throw_errno("making the output folder", options.out.string(), error.value());
  Record record(workspace.disks() / (recipe.name + ".json"), identity(recipe, chain));
  const fs::path raw = disk_path(recipe, options, "raw");
  const auto raw_sha256 = record.sha256_of(raw);
  disk::ImageHash raw_hash;  // goes on beside the conversions
  if (!raw_sha256) write_raw(recipe, chain, context, raw, raw_hash);

  std::vector<DiskReport> reports(1);
  for (const auto& format : recipe.disk.formats) {
    if (format == "raw") continue;
    const fs::path target = disk_path(recipe, options, format);
    const auto known = record.sha256_of(target);
    if (!known) disk::convert_disk(raw, format, target, events);
    const auto hash = [&] { return sha256_of_file(target); };
    reports.push_back(describe(format, target, known, hash, events));
  }
  const auto rest_of_hash = [&] { return raw_hash.sha256(); };
  reports.front() = describe("raw", raw, raw_sha256, rest_of_hash, events);
  for (const auto& report : reports) record.remember(report);
  return reports;
}

}  // namespace compose::build
