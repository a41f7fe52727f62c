#include "build/disks.hpp"

#include <future>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "build/kept_image.hpp"
#include "disk/disk.hpp"
#include "ostree/content.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::build {
namespace {

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

  std::optional<std::string> digest_of(const fs::path& disk) const {
    const std::string& name = disk.string();
    if (!json_.is_object() || !json_.contains("disks") || !json_["disks"].contains(name)) return std::nullopt;
    const auto& entry = json_["disks"][name];
    if (!entry.contains("digest") || fingerprint(disk) != entry.value("fingerprint", "")) return std::nullopt;
    return entry["digest"].get<std::string>();
  }

  void remember(const DiskReport& disk) {
    json_["identity"] = identity_;
    json_["disks"][disk.path.string()] = {{"fingerprint", fingerprint(disk.path).value_or("")},
                                          {"digest", disk.digest}};
    write_file_atomically(file_, json_.dump(2) + "\n");
  }

 private:
  fs::path file_;
  std::string identity_;
  nlohmann::json json_;
};

std::string write_raw(const recipe::Recipe& recipe, const std::vector<LayerReport>& layers, Workspace& workspace,
                      layers::Context& context, const fs::path& target) {
  Stage stage(context.events, "disk", target.filename().string());
  const KeptImage kept(workspace.disks(), recipe.name);
  auto start_later = std::async(std::launch::async, [&] { return kept.start(target); });
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
  auto start = start_later.get();
  kept.spare(target);
  const disk::DiskResult result = disk::write_raw_disk(spec, chain, target, context.events, start ? &*start : nullptr);
  kept.remember(target, result.state);
  stage.finish(fmt::format("{} MiB, {} MiB used", result.size_bytes >> 20U, result.used_bytes >> 20U));
  return result.state.blocks.fsverity();
}

DiskReport make_raw(const recipe::Recipe& recipe, const std::vector<LayerReport>& chain, Workspace& workspace,
                    layers::Context& context, const fs::path& target, const std::optional<std::string>& known) {
  DiskReport report{"raw", target, "fsverity", known.value_or(""), 0, known.has_value()};
  if (!known) report.digest = write_raw(recipe, chain, workspace, context, target);
  report.size_bytes = fs::file_size(target);
  return report;
}

DiskReport convert_raw(const fs::path& raw, const std::string& format, const fs::path& target,
                       const std::optional<std::string>& known, Events& events) {
  DiskReport report{format, target, "sha256", known.value_or(""), 0, known.has_value()};
  if (!known) {
    disk::convert_disk(raw, format, target, events);
    Stage stage(events, "hash", target.filename().string());
    report.digest = sha256_of_file(target);
    stage.finish(report.digest);
  }
  report.size_bytes = fs::file_size(target);
  return report;
}

}  // namespace

std::vector<DiskReport> make_disks(const recipe::Recipe& recipe, const std::vector<LayerReport>& chain,
                                   Workspace& workspace, const Options& options, layers::Context& context) {
  boost::system::error_code error;
  fs::create_directories(options.out, error);
  if (error) throw_errno("making the output folder", options.out.string(), error.value());
  Record record(workspace.disks() / (recipe.name + ".json"), identity(recipe, chain));
  const fs::path raw = disk_path(recipe, options, "raw");
  std::vector<DiskReport> reports{make_raw(recipe, chain, workspace, context, raw, record.digest_of(raw))};
  for (const auto& format : recipe.disk.formats) {
    if (format == "raw") continue;
    const fs::path target = disk_path(recipe, options, format);
    reports.push_back(convert_raw(raw, format, target, record.digest_of(target), context.events));
  }
  for (const auto& report : reports) record.remember(report);
  return reports;
}

}  // namespace compose::build
