#include "publish/release_step.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "publish/aws/ssm.hpp"
#include "support/error.hpp"

namespace compose::publish {
namespace {

constexpr std::chrono::minutes longest_check{10};  // of a parameter's value, by the service

std::set<std::string> without(const std::set<std::string>& wanted, const std::set<std::string>& there) {
  std::set<std::string> missing;
  std::set_difference(wanted.begin(), wanted.end(), there.begin(), there.end(), std::inserter(missing, missing.end()));
  return missing;
}

aws::Permissions missing(const aws::Permissions& wanted, const aws::Permissions& there) {
  return {without(wanted.accounts, there.accounts), without(wanted.organizations, there.organizations),
          without(wanted.organizational_units, there.organizational_units), wanted.everybody && !there.everybody};
}

// The service rounds to whole minutes.
bool same_minute(const std::string& one, const std::string& other) {
  const auto first = aws::parse_time(one);
  const auto second = aws::parse_time(other);
  return first && second && std::chrono::abs(*first - *second) <= std::chrono::minutes(1);
}

void deprecate(const Region& region, const std::string& ami, const std::string& when) {
  if (when.empty()) return;
  const auto image = aws::Ec2(region.client).find_image(ami);
  if (image && same_minute(image->deprecation_time, when)) return;
  aws::Ec2(region.client).enable_image_deprecation(ami, aws::parse_time(when).value());
}

Publication publication(const Region& region, const std::string& ami) {
  const History history = region.ledger.history();
  const Publication* found = history.publication_of(region.place, region.subject.digest);
  if (found != nullptr && found->ami == ami) return *found;
  throw Error(ErrorKind::failed, fmt::format("the ledger does not know image {} in {}", ami, region.place.region));
}

std::optional<std::string> wanted_template(const Region& region) {
  const auto& templates = region.wanted().launch_templates;
  const auto found = templates.find(region.place.region);
  return found == templates.end() ? std::nullopt : std::optional(found->second);
}

aws::LaunchTemplate launch_template(const Region& region, const std::string& id_or_name) {
  if (auto found = aws::Ec2(region.client).find_launch_template(id_or_name)) return *found;
  throw Error(ErrorKind::input, fmt::format("{}: there is no launch template '{}'", region.place.region, id_or_name),
              "make it first, or take it out of [publish.aws.launch-templates]");
}

// The template's version of this image, made if need be; nothing where its latest version has a later image.
std::optional<aws::LaunchTemplateVersion> version_of(const Region& region, const std::string& template_id,
                                                     const std::string& ami) {
  aws::Ec2 ec2(region.client);
  for (const auto& version : ec2.launch_template_versions(template_id, {"$Latest"})) {
    if (version.image_id == ami) return version;
    if (!region.ledger.history().is_later(region.place, version.image_id, ami)) continue;
    region.note(fmt::format("launch template {} has {}, a later image: left so", template_id, version.image_id));
    return std::nullopt;
  }
  aws::NewLaunchTemplateVersion request;
  request.template_id = template_id;
  request.source_version = "$Latest";
  request.image_id = ami;
  request.description = fmt::format("{} {}", region.subject.name, region.subject.version);
  request.client_token = sha256_hex(fmt::format("atomic-compose launch template 1\n{}\n{}\n", template_id, ami));
  return ec2.create_launch_template_version(request);
}

void roll(const Region& region, const std::string& ami, const std::string& id_or_name) {
  const aws::LaunchTemplate used = launch_template(region, id_or_name);
  if (publication(region, ami).rolled.contains(used.id)) return;  // what became of it since is not ours to undo
  const auto version = version_of(region, used.id, ami);
  if (!version) return;
  if (region.wanted().launch_template_default && !version->is_default) {
    aws::Ec2(region.client).set_default_launch_template_version(used.id, version->number);
  }
  region.remember("rolled", {{"ami", ami}, {"template", used.id}, {"version", std::to_string(version->number)}});
}

void put_parameter(const Region& region, const std::string& name, const std::string& ami,
                   const std::optional<aws::Parameter>& current) {
  aws::PutParameter request;
  request.name = name;
  request.value = ami;
  request.description = fmt::format("{}, published by atomic-compose", region.subject.name);
  request.is_image = !current || current->data_type == "aws:ec2:image";
  request.overwrite = current.has_value();
  if (!current) request.tags = {{"atomic-compose:name", region.subject.name}};
  try {
    aws::Ssm(region.client).put_parameter(request);
  } catch (const aws::ServiceError& error) {
    if (error.code() != "ParameterAlreadyExists") throw;  // made by a request of ours whose answer was lost
    request.overwrite = true;
    request.tags.clear();
    aws::Ssm(region.client).put_parameter(request);
  }
}

}  // namespace

void check_launch_template(const Region& region) {
  if (const auto wanted = wanted_template(region)) launch_template(region, *wanted);
}

void release(const Region& region, const std::string& ami, const std::string& snapshot_id) {
  aws::Ec2 ec2(region.client);
  ec2.add_launch_permissions(ami, missing(permissions_of(region.wanted().launch), ec2.launch_permissions(ami)));
  ec2.add_volume_permissions(
      snapshot_id, missing(volume_permissions_of(region.wanted().launch), ec2.volume_permissions(snapshot_id)));
  const Publication known = publication(region, ami);
  deprecate(region, ami, known.deprecate_at);
  if (!known.released) region.remember("released", {{"ami", ami}});
}

std::vector<std::string> announce(const Region& region, const std::string& ami) {
  std::vector<std::string> set;
  if (const auto wanted = wanted_template(region)) roll(region, ami, *wanted);
  for (const std::string& name : parameter_names(region.wanted(), region.subject)) {
    const auto current = aws::Ssm(region.client).get_parameter(name);
    if (current && region.ledger.history().is_later(region.place, current->value, ami)) {
      region.note(fmt::format("parameter {} has {}, a later image: left so (`publish promote` moves it)", name,
                              current->value));
      continue;
    }
    set_parameter(region, name, ami);
    set.push_back(name);
  }
  return set;
}

void set_parameter(const Region& region, const std::string& name, const std::string& ami) {
  aws::Ssm ssm(region.client);
  const auto current = ssm.get_parameter(name);
  if (!current || current->value != ami) {
    put_parameter(region, name, ami, current);
    wait_for(region, fmt::format("parameter {} in {} with the value {}", name, region.place.region, ami), longest_check,
             [&]() -> std::optional<bool> {
               const auto now = ssm.get_parameter(name);
               return now && now->value == ami ? std::optional(true) : std::nullopt;
             });
  }
  if (publication(region, ami).parameters.contains(name)) return;
  region.remember("parameter", {{"ami", ami}, {"parameter", name}, {"previous", current ? current->value : ""}});
}

}  // namespace compose::publish
