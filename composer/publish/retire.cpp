#include "publish/retire.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "publish/aws/ssm.hpp"

namespace compose::publish {
namespace {

// Parameters whose name has the version in it: no other image will ever be theirs.
bool belongs_to_version(const Region& region, const std::string& parameter) {
  const auto& templates = region.wanted().parameters;
  return std::any_of(templates.begin(), templates.end(), [&](const std::string& one) {
    return one.find("{version}") != std::string::npos && expand(one, region.subject) == parameter;
  });
}

void look_at_parameters(const Region& region, const Publication& known, Retirement& retirement) {
  const std::vector<std::string> names(known.parameters.begin(), known.parameters.end());
  for (const auto& [name, parameter] : aws::Ssm(region.client).get_parameters(names)) {
    if (parameter.value != known.ami) continue;
    if (!belongs_to_version(region, name)) {
      throw Error(ErrorKind::input, fmt::format("{}: parameter {} leads to {}", region.place.region, name, known.ami),
                  "move it to another version first: `publish promote`");
    }
    retirement.parameters.push_back(name);
  }
}

void look_at_launch_templates(const Region& region, const Publication& known) {
  aws::Ec2 ec2(region.client);
  for (const auto& [id, version] : known.rolled) {
    if (!ec2.find_launch_template(id)) continue;
    for (const auto& used : ec2.launch_template_versions(id, {"$Latest", "$Default"})) {
      if (used.image_id != known.ami) continue;
      throw Error(ErrorKind::input,
                  fmt::format("{}: version {} of launch template {}, which is its {}, starts {}", region.place.region,
                              used.number, id, used.is_default ? "default" : "latest", known.ami),
                  "publish a newer version to it first, or change it");
    }
  }
}

void look(const Region& region, Retirement& retirement) {
  const History history = region.ledger.history();
  const Publication* known = history.publication_of(region.place, region.subject.digest);
  if (known == nullptr) return;
  retirement.ami = known->ami;
  retirement.snapshot = known->snapshot;
  const Snapshot* parent = history.parent_for(region.place, {});
  retirement.is_parent = parent != nullptr && parent->id == known->snapshot;
  look_at_parameters(region, *known, retirement);
  look_at_launch_templates(region, *known);
}

void take_away(const Region& region, Retirement& retirement) {
  aws::Ec2 ec2(region.client);
  aws::Ssm(region.client).delete_parameters(retirement.parameters);
  ec2.deregister_image(retirement.ami);
  ec2.delete_snapshot(retirement.snapshot);
  region.remember("retired", {{"ami", retirement.ami}, {"snapshot", retirement.snapshot}});
  retirement.done = true;
}

}  // namespace

std::vector<Retirement> plan_retirement(Regions& regions) {
  std::vector<Retirement> plan(regions.size());
  regions.each([&](const Region& region, std::size_t i) {
    plan[i].place = region.place;
    look(region, plan[i]);
  });
  for (std::size_t i = 0; i < regions.size(); ++i) plan[i].error = regions.error(i);
  return plan;
}

void retire(Regions& regions, std::vector<Retirement>& plan) {
  regions.each([&](const Region& region, std::size_t i) {
    if (!plan[i].ami.empty()) take_away(region, plan[i]);
  });
  for (std::size_t i = 0; i < regions.size(); ++i) plan[i].error = regions.error(i);
}

}  // namespace compose::publish
