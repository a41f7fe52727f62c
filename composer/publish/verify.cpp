#include "publish/verify.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "disk/allocation.hpp"
#include "publish/aws/ebs.hpp"
#include "publish/aws/ssm.hpp"
#include "support/parallel.hpp"

namespace compose::publish {
namespace {

// Gathers what is not as it was asked for.
class Comparison {
 public:
  explicit Comparison(RegionVerdict& verdict) : verdict_(verdict) {}

  template <typename Value>
  void same(std::string_view what, const Value& found, const Value& wanted) {
    if (found != wanted) verdict_.differences.push_back(fmt::format("{} is '{}', not '{}'", what, found, wanted));
  }

  void permissions(std::string_view of, const aws::Permissions& found, const aws::Permissions& wanted) {
    compare_sets(of, "account", found.accounts, wanted.accounts);
    compare_sets(of, "organization", found.organizations, wanted.organizations);
    compare_sets(of, "organizational unit", found.organizational_units, wanted.organizational_units);
    if (wanted.everybody && !found.everybody) verdict_.differences.push_back(fmt::format("{} is not public", of));
    if (found.everybody && !wanted.everybody)
      verdict_.notes.push_back(fmt::format("{} is public, which the recipe does not ask for", of));
  }

  void tags(std::string_view of, const aws::Tags& found, const aws::Tags& wanted) {
    for (const auto& [key, value] : wanted) {
      const auto there = found.find(key);
      if (there == found.end()) {
        verdict_.differences.push_back(fmt::format("{} has no tag '{}'", of, key));
      } else {
        same(fmt::format("tag '{}' of {}", key, of), there->second, value);
      }
    }
  }

 private:
  void compare_sets(std::string_view of, std::string_view kind, const std::set<std::string>& found,
                    const std::set<std::string>& wanted) {
    for (const std::string& one : wanted) {
      if (!found.contains(one)) verdict_.differences.push_back(fmt::format("{} is not open to {} {}", of, kind, one));
    }
    for (const std::string& one : found) {
      if (wanted.contains(one)) continue;
      verdict_.notes.push_back(fmt::format("{} is open to {} {}, which the recipe does not ask for", of, kind, one));
    }
  }

  RegionVerdict& verdict_;
};

std::string describe(const aws::BlockDevice& device) {
  return fmt::format("{} {} GiB {}{}{}", device.device_name, device.size_gib.value_or(0), device.volume_type,
                     device.snapshot_id.empty() ? "" : " of " + device.snapshot_id,
                     device.delete_on_termination.value_or(false) ? "" : ", kept on termination");
}

std::vector<std::string> describe(const std::vector<aws::BlockDevice>& devices) {
  std::vector<std::string> texts;
  for (const auto& device : devices) texts.push_back(describe(device));
  std::sort(texts.begin(), texts.end());
  return texts;
}

void compare_image(const Region& region, const Publication& known, RegionVerdict& verdict) {
  Comparison comparison(verdict);
  aws::Ec2 ec2(region.client);
  const auto image = ec2.find_image(known.ami);
  if (!image) {
    verdict.differences.push_back(fmt::format("image {} is gone", known.ami));
    return;
  }
  const aws::RegisterImage wanted = image_request(region.recipe, region.subject, known.snapshot);
  comparison.same("state", image->state, std::string("available"));
  comparison.same("name", image->name, wanted.name);
  comparison.same("description", image->description, wanted.description);
  comparison.same("architecture", image->architecture, wanted.architecture);
  comparison.same("boot mode", image->boot_mode, wanted.boot_mode);
  comparison.same("IMDS support", image->imds_support, wanted.imds_support);
  comparison.same("TPM support", image->tpm_support, wanted.tpm_support);
  comparison.same("ENA support", image->ena_support, wanted.ena_support);
  comparison.same("root device", image->root_device_name, wanted.root_device_name);
  comparison.same("block devices", fmt::format("{}", fmt::join(describe(image->block_devices), "; ")),
                  fmt::format("{}", fmt::join(describe(wanted.block_devices), "; ")));
  comparison.tags("the image", image->tags, wanted.tags);
  comparison.permissions("the image", ec2.launch_permissions(known.ami), permissions_of(region.wanted().launch));
  if (known.deprecate_at.empty() == image->deprecation_time.empty()) return;
  comparison.same("deprecation", image->deprecation_time, known.deprecate_at);
}

void compare_snapshot(const Region& region, const Publication& known, RegionVerdict& verdict) {
  Comparison comparison(verdict);
  aws::Ec2 ec2(region.client);
  const auto snapshot = ec2.find_snapshot(known.snapshot);
  if (!snapshot) {
    verdict.differences.push_back(fmt::format("snapshot {} is gone", known.snapshot));
    return;
  }
  comparison.same("the snapshot's state", snapshot->state, std::string("completed"));
  comparison.same("the snapshot's size in GiB", snapshot->volume_size_gib,
                  volume_gib(region.subject.blocks.size_bytes));
  comparison.same("encryption", snapshot->encrypted, region.wanted().encrypted);
  comparison.permissions("the snapshot", ec2.volume_permissions(known.snapshot),
                         volume_permissions_of(region.wanted().launch));
}

void compare_parameters(const Region& region, const Publication& known, RegionVerdict& verdict) {
  const auto names = parameter_names(region.wanted(), region.subject);
  const auto found = aws::Ssm(region.client).get_parameters(names);
  for (const std::string& name : names) {
    const auto there = found.find(name);
    if (there == found.end()) {
      verdict.differences.push_back(fmt::format("there is no parameter {}", name));
    } else if (region.ledger.history().is_later(region.place, there->second.value, known.ami)) {
      verdict.notes.push_back(fmt::format("parameter {} has a later image, {}", name, there->second.value));
    } else {
      Comparison(verdict).same("parameter " + name, there->second.value, known.ami);
    }
  }
}

void compare_blocks(const Region& region, const Publication& known, RegionVerdict& verdict) {
  Stage stage(region.events, region.place.region, "reading " + known.snapshot);
  std::map<std::uint32_t, Sha256Bytes> wanted;
  for (const Block& block : region.subject.blocks.blocks) wanted.emplace(block.index, block.sha256);
  std::vector<aws::SnapshotBlock> there;
  aws::Window window({std::min(8U, region.connections), 1, region.connections});
  aws::Ebs ebs(region.client, &window);
  ebs.list_snapshot_blocks(known.snapshot, [&](const aws::SnapshotBlock& block) { there.push_back(block); });
  std::mutex mutex;
  const auto expect = [&](std::uint32_t index, const Sha256Bytes& sha256) {
    const auto found = wanted.find(index);
    if (sha256 == (found == wanted.end() ? zero_block() : found->second)) return;
    verdict.differences.push_back(fmt::format("block {} of {} differs from the image", index, known.snapshot));
  };
  for_each_in_parallel(there.size(), region.connections, [&](std::size_t i) {
    const std::string data = ebs.get_snapshot_block(known.snapshot, there[i].index, there[i].token);
    const Sha256Bytes sha256 = Sha256().update(data).finish();
    const std::lock_guard guard(mutex);
    expect(there[i].index, sha256);
    stage.progress(++verdict.blocks_read * disk::snapshot_block_bytes, there.size() * disk::snapshot_block_bytes);
  });
  for (const aws::SnapshotBlock& block : there) wanted.erase(block.index);
  for (const auto& [index, sha256] : wanted) {
    if (sha256 != zero_block())
      verdict.differences.push_back(fmt::format("block {} is not in {}", index, known.snapshot));
  }
  stage.finish(fmt::format("{} blocks read", verdict.blocks_read));
}

void verify_region(const Region& region, Depth depth, RegionVerdict& verdict) {
  const History history = region.ledger.history();
  const Publication* known = history.publication_of(region.place, region.subject.digest);
  if (known == nullptr) {
    verdict.differences.emplace_back("not published here");
    return;
  }
  verdict.ami = known->ami;
  verdict.snapshot = known->snapshot;
  compare_image(region, *known, verdict);
  compare_snapshot(region, *known, verdict);
  compare_parameters(region, *known, verdict);
  if (depth == Depth::blocks) compare_blocks(region, *known, verdict);
}

}  // namespace

std::vector<RegionVerdict> verify_regions(Regions& regions, Depth depth) {
  std::vector<RegionVerdict> verdicts(regions.size());
  regions.each([&](const Region& region, std::size_t i) {
    verdicts[i].place = region.place;
    verify_region(region, depth, verdicts[i]);
  });
  for (std::size_t i = 0; i < regions.size(); ++i) verdicts[i].error = regions.error(i);
  return verdicts;
}

}  // namespace compose::publish
