#include "publish/promote.hpp"

#include <fmt/format.h>

#include "publish/aws/ssm.hpp"
#include "publish/release_step.hpp"

namespace compose::publish {
namespace {

std::string released_image(const Region& region) {
  const History history = region.ledger.history();
  const Publication* known = history.publication_of(region.place, region.subject.digest);
  if (known == nullptr || !known->released) {
    throw Error(
        ErrorKind::input,
        fmt::format("{} {} is not released in {}", region.subject.name, region.subject.version, region.place.region),
        "`publish` it there first, or name other regions with --region");
  }
  return known->ami;
}

}  // namespace

std::vector<Promotion> promote(Regions& regions, const std::string& parameter) {
  std::vector<Promotion> promotions(regions.size());
  regions.each([&](const Region& region, std::size_t i) {
    promotions[i].place = region.place;
    promotions[i].ami = released_image(region);
    const auto current = aws::Ssm(region.client).get_parameter(parameter);
    if (current) promotions[i].previous = current->value;
  });
  if (regions.all_right()) {
    regions.each([&](const Region& region, std::size_t i) { set_parameter(region, parameter, promotions[i].ami); });
  }
  for (std::size_t i = 0; i < regions.size(); ++i) promotions[i].error = regions.error(i);
  return promotions;
}

std::string version_behind(const std::string& parameter, const Place& place, aws::Client& client,
                           const History& history) {
  const auto value = aws::Ssm(client).get_parameter(parameter);
  if (!value) throw Error(ErrorKind::input, fmt::format("{}: there is no parameter {}", place.region, parameter));
  for (const Publication& one : history.publications) {
    if (one.place == place && one.ami == value->value) return history.images.at(one.image).version;
  }
  throw Error(ErrorKind::input, fmt::format("{}: parameter {} has {}, which was not published from here", place.region,
                                            parameter, value->value));
}

}  // namespace compose::publish
