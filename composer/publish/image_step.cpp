#include "publish/image_step.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "publish/aws/error.hpp"
#include "support/error.hpp"

namespace compose::publish {
namespace {

bool has_snapshot(const aws::Image& image, const std::string& snapshot_id) {
  return std::any_of(image.block_devices.begin(), image.block_devices.end(),
                     [&](const aws::BlockDevice& device) { return device.snapshot_id == snapshot_id; });
}

[[noreturn]] void throw_taken(const Region& region, const aws::Image& image) {
  throw Error(
      ErrorKind::input,
      fmt::format("{}: there is another image of the name '{}', {}", region.place.region, image.name, image.image_id),
      "give this one a [recipe] version of its own. Or was that one published with another ledger? Say --ledger");
}

// The image that stands under our name already; nothing when there is none.
std::optional<std::string> adopt(const Region& region, const std::string& name, const std::string& snapshot_id) {
  const auto image = aws::Ec2(region.client).find_own_image(name);
  if (!image) return std::nullopt;
  if (!has_snapshot(*image, snapshot_id)) throw_taken(region, *image);
  return image->image_id;
}

std::string register_or_adopt(const Region& region, const std::string& snapshot_id) {
  const aws::RegisterImage request = image_request(region.recipe, region.subject, snapshot_id);
  if (const auto known = adopt(region, request.name, snapshot_id)) return *known;
  try {
    return aws::Ec2(region.client).register_image(request);
  } catch (const aws::ServiceError& error) {
    if (error.code() != "InvalidAMIName.Duplicate") throw;
    return wait_for(region, fmt::format("image '{}' in {}", request.name, region.place.region), std::chrono::minutes(2),
                    [&] { return adopt(region, request.name, snapshot_id); });
  }
}

std::string deprecation_time(const Region& region) {
  const auto days = region.wanted().deprecate_after_days;
  if (!days) return {};
  return aws::format_time(region.client.settings().timing.now() + std::chrono::hours(24) * *days);
}

std::string remembered_image(const Region& region, const std::string& snapshot_id) {
  const History history = region.ledger.history();
  const Publication* known = history.publication_of(region.place, region.subject.digest);
  if (known != nullptr && known->snapshot == snapshot_id && aws::Ec2(region.client).find_image(known->ami)) {
    return known->ami;
  }
  if (known != nullptr) region.note(fmt::format("image {} is gone: registering it again", known->ami));
  const std::string ami = register_or_adopt(region, snapshot_id);
  if (known != nullptr && known->ami == ami) return ami;  // it was only not seen
  region.remember("registered", {{"snapshot", snapshot_id},
                                 {"ami", ami},
                                 {"ami-name", image_name(region.wanted(), region.subject)},
                                 {"deprecate-at", deprecation_time(region)}});
  return ami;
}

}  // namespace

void check_name(const Region& region) {
  const auto image = aws::Ec2(region.client).find_own_image(image_name(region.wanted(), region.subject));
  if (!image) return;
  const History history = region.ledger.history();
  const Snapshot* ours = history.snapshot_of(region.place, region.subject.digest);
  if (ours == nullptr || !has_snapshot(*image, ours->id)) throw_taken(region, *image);
}

std::string ensure_image(const Region& region, const std::string& snapshot_id) {
  const std::string ami = remembered_image(region, snapshot_id);
  return wait_for(region, fmt::format("image {} in {}", ami, region.place.region), longest_wait,
                  [&]() -> std::optional<std::string> {
                    const auto image = aws::Ec2(region.client).find_image(ami);
                    if (image && image->state == "available") return ami;
                    if (!image || image->state == "pending") return std::nullopt;
                    throw Error(ErrorKind::failed, fmt::format("image {} in {} is '{}': {}", ami, region.place.region,
                                                               image->state, image->state_reason));
                  });
}

}  // namespace compose::publish
