#include "publish/plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "publish/regions.hpp"
#include "publish/snapshot_step.hpp"

namespace compose::publish {
namespace {

// Who published in the region last.
Place place_in(const History& history, const std::string& region) {
  const auto last = std::find_if(history.snapshots.rbegin(), history.snapshots.rend(),
                                 [&](const Snapshot& snapshot) { return snapshot.place.region == region; });
  return last == history.snapshots.rend() ? Place{"", region} : last->place;
}

std::string describe_devices(const aws::RegisterImage& request) {
  std::vector<std::string> devices;
  for (const auto& device : request.block_devices) {
    devices.push_back(fmt::format("{} {} GiB {}", device.device_name, device.size_gib.value_or(0), device.volume_type));
  }
  return fmt::format("{}", fmt::join(devices, ", "));
}

std::string describe_permissions(const aws::Permissions& permissions) {
  std::vector<std::string> who(permissions.accounts.begin(), permissions.accounts.end());
  who.insert(who.end(), permissions.organizations.begin(), permissions.organizations.end());
  who.insert(who.end(), permissions.organizational_units.begin(), permissions.organizational_units.end());
  if (permissions.everybody) who.insert(who.begin(), "everybody");
  return fmt::format("{}", fmt::join(who, ", "));
}

void plan_snapshot(const Subject& subject, const History& history, RegionPlan& plan) {
  const Snapshot* known = history.snapshot_of(plan.place, subject.digest);
  if (known != nullptr) {
    plan.snapshot = known->id;
    plan.parent = known->parent;
  } else if (const Snapshot* parent = usable_parent(history, plan.place, subject, plan.why_full)) {
    plan.parent = parent->id;
  }
  plan.of_blocks = subject.blocks.blocks.size();
  if (known != nullptr && known->state == SnapshotState::completed) return;
  const auto blocks = blocks_to_send(subject.blocks, history.blocks_of(plan.parent));
  plan.blocks = static_cast<std::uint64_t>(std::count_if(blocks.begin(), blocks.end(), [&](const Block& block) {
    return known == nullptr || !known->sent.contains(block.index);
  }));
  if (plan.snapshot.empty()) {
    plan.calls.push_back(plan.parent.empty() ? "ebs StartSnapshot"
                                             : fmt::format("ebs StartSnapshot on top of {}", plan.parent));
  }
  plan.calls.push_back(fmt::format("ebs PutSnapshotBlock {} times", plan.blocks));
  plan.calls.emplace_back("ebs CompleteSnapshot");
}

void plan_image(const recipe::Recipe& recipe, const Subject& subject, RegionPlan& plan) {
  const aws::RegisterImage request = image_request(recipe, subject, plan.snapshot);
  if (!plan.ami.empty()) return;
  plan.calls.push_back(fmt::format("ec2 RegisterImage '{}': {}, {}{}{}{}; {}", request.name, request.architecture,
                                   request.boot_mode, request.ena_support ? ", ENA" : "",
                                   request.imds_support.empty() ? "" : ", IMDSv2 only",
                                   request.tpm_support.empty() ? "" : ", TPM", describe_devices(request)));
}

void plan_release(const recipe::PublishAws& wanted, RegionPlan& plan) {
  const aws::Permissions launch = permissions_of(wanted.launch);
  const aws::Permissions volumes = volume_permissions_of(wanted.launch);
  if (!launch.empty()) plan.calls.push_back("ec2 ModifyImageAttribute for " + describe_permissions(launch));
  if (!volumes.empty()) plan.calls.push_back("ec2 ModifySnapshotAttribute for " + describe_permissions(volumes));
  if (wanted.deprecate_after_days) {
    plan.calls.push_back(fmt::format("ec2 EnableImageDeprecation after {} days", *wanted.deprecate_after_days));
  }
}

void plan_announcement(const recipe::PublishAws& wanted, const Subject& subject, const Publication* known,
                       RegionPlan& plan) {
  const auto used = wanted.launch_templates.find(plan.place.region);
  if (used != wanted.launch_templates.end() && (known == nullptr || known->rolled.empty())) {
    plan.calls.push_back(fmt::format("ec2 CreateLaunchTemplateVersion of {}", used->second));
  }
  for (const std::string& name : parameter_names(wanted, subject)) {
    if (known == nullptr || !known->parameters.contains(name)) plan.calls.push_back("ssm PutParameter " + name);
  }
}

}  // namespace

std::vector<RegionPlan> plan_regions(const recipe::Recipe& recipe, const Subject& subject, const History& history,
                                     const std::vector<std::string>& named) {
  const recipe::PublishAws& wanted = *recipe.publish.aws;
  std::vector<RegionPlan> plans;
  for (const std::string& region : chosen_regions(wanted, named)) {
    RegionPlan plan;
    plan.place = place_in(history, region);
    const Publication* known = history.publication_of(plan.place, subject.digest);
    if (known != nullptr) plan.ami = known->ami;
    plan_snapshot(subject, history, plan);
    plan_image(recipe, subject, plan);
    if (known == nullptr || !known->released) plan_release(wanted, plan);
    plan_announcement(wanted, subject, known, plan);
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace compose::publish
