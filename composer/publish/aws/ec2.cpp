#include "publish/aws/ec2.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "publish/aws/answer.hpp"
#include "publish/aws/query_form.hpp"
#include "support/error.hpp"

namespace compose::aws {
namespace {

QueryForm form(const char* operation) { return {Service::ec2, operation, "2016-11-15"}; }

// The answer's document, which every operation names after itself.
XmlElement post(Client& client, const QueryForm& request, bool is_fresh = false) {
  return {request.post(client, is_fresh), (request.operation() + "Response").c_str(), request.operation()};
}

bool is_not_found(const ServiceError& error) {
  return error.code().ends_with(".NotFound") || error.code().ends_with(".Malformed") ||
         error.code() == "InvalidAMIID.Unavailable";
}

// --- values to forms -----------------------------------------------------------------------------------------------

void add_number(QueryForm& request, const std::string& name, const std::optional<std::uint32_t>& value) {
  if (value) request.add(name, std::uint64_t{*value});
}

void add_flag(QueryForm& request, const std::string& name, const std::optional<bool>& value) {
  if (value) request.add_flag(name, *value);
}

void add_device(QueryForm& request, const std::string& prefix, const BlockDevice& device) {
  request.add(prefix + ".DeviceName", device.device_name);
  request.add_if(prefix + ".Ebs.SnapshotId", device.snapshot_id);
  add_number(request, prefix + ".Ebs.VolumeSize", device.size_gib);
  request.add_if(prefix + ".Ebs.VolumeType", device.volume_type);
  add_number(request, prefix + ".Ebs.Iops", device.iops);
  add_number(request, prefix + ".Ebs.Throughput", device.throughput_mib_s);
  add_flag(request, prefix + ".Ebs.DeleteOnTermination", device.delete_on_termination);
  add_flag(request, prefix + ".Ebs.Encrypted", device.encrypted);
  request.add_if(prefix + ".Ebs.KmsKeyId", device.kms_key_id);
}

// PREFIX.1.UserId, … ; everybody last.
void add_permissions(QueryForm& request, const std::string& prefix, const Permissions& permissions) {
  std::size_t number = 0;
  const auto add = [&](const char* kind, const std::string& value) {
    request.add(fmt::format("{}.{}.{}", prefix, ++number, kind), value);
  };
  for (const std::string& account : permissions.accounts) add("UserId", account);
  for (const std::string& arn : permissions.organizations) add("OrganizationArn", arn);
  for (const std::string& arn : permissions.organizational_units) add("OrganizationalUnitArn", arn);
  if (permissions.everybody) add("Group", "all");
}

// --- answers to values ---------------------------------------------------------------------------------------------

Tags read_tags(const XmlElement& element) {
  Tags tags;
  for (const XmlElement& tag : element.items("tagSet")) tags.emplace(tag.text("key"), tag.text("value"));
  return tags;
}

std::optional<std::uint32_t> small_number(const XmlElement& element, const char* name) {
  const auto number = element.number(name);
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(*number, UINT32_MAX));
}

std::optional<bool> optional_flag(const XmlElement& element, const char* name) {
  if (!element.child(name)) return std::nullopt;
  return element.flag(name);
}

BlockDevice read_device(const XmlElement& element) {
  BlockDevice device;
  device.device_name = element.text("deviceName");
  const auto ebs = element.child("ebs");
  if (!ebs) return device;
  device.snapshot_id = ebs->text("snapshotId");
  device.size_gib = small_number(*ebs, "volumeSize");
  device.volume_type = ebs->text("volumeType");
  device.iops = small_number(*ebs, "iops");
  device.throughput_mib_s = small_number(*ebs, "throughput");
  device.delete_on_termination = optional_flag(*ebs, "deleteOnTermination");
  device.encrypted = optional_flag(*ebs, "encrypted");
  device.kms_key_id = ebs->text("kmsKeyId");
  return device;
}

Image read_image(const XmlElement& element) {
  Image image;
  image.image_id = element.required_text("imageId");
  image.name = element.text("name");
  image.description = element.text("description");
  image.state = element.required_text("imageState");
  if (const auto reason = element.child("stateReason")) image.state_reason = reason->text("message");
  image.owner_id = element.text("imageOwnerId");
  image.architecture = element.text("architecture");
  image.root_device_name = element.text("rootDeviceName");
  image.boot_mode = element.text("bootMode");
  image.imds_support = element.text("imdsSupport");
  image.tpm_support = element.text("tpmSupport");
  image.virtualization_type = element.text("virtualizationType");
  image.creation_date = element.text("creationDate");
  image.deprecation_time = element.text("deprecationTime");
  image.ena_support = element.flag("enaSupport");
  image.is_public = element.flag("isPublic");
  for (const XmlElement& device : element.items("blockDeviceMapping"))
    image.block_devices.push_back(read_device(device));
  image.tags = read_tags(element);
  return image;
}

Snapshot read_snapshot(const XmlElement& element) {
  Snapshot snapshot;
  snapshot.snapshot_id = element.required_text("snapshotId");
  snapshot.state = element.required_text("status");
  snapshot.state_message = element.text("statusMessage");
  snapshot.progress = element.text("progress");
  snapshot.owner_id = element.text("ownerId");
  snapshot.description = element.text("description");
  snapshot.volume_size_gib = element.number("volumeSize").value_or(0);
  snapshot.encrypted = element.flag("encrypted");
  snapshot.kms_key_id = element.text("kmsKeyId");
  snapshot.tags = read_tags(element);
  return snapshot;
}

Permissions read_permissions(const std::vector<XmlElement>& items) {
  Permissions permissions;
  const auto insert = [](std::set<std::string>& set, const std::string& value) {
    if (!value.empty()) set.insert(value);
  };
  for (const XmlElement& item : items) {
    insert(permissions.accounts, item.text("userId"));
    insert(permissions.organizations, item.text("organizationArn"));
    insert(permissions.organizational_units, item.text("organizationalUnitArn"));
    if (item.text("group") == "all") permissions.everybody = true;
  }
  return permissions;
}

LaunchTemplate read_template(const XmlElement& element) {
  return {element.required_text("launchTemplateId"), element.text("launchTemplateName"),
          element.required_number("defaultVersionNumber"), element.required_number("latestVersionNumber"),
          read_tags(element)};
}

LaunchTemplateVersion read_template_version(const XmlElement& element) {
  const auto data = element.child("launchTemplateData");
  return {element.required_number("versionNumber"), element.flag("defaultVersion"), element.text("versionDescription"),
          data ? data->text("imageId") : std::string()};
}

// --- lists, page by page -------------------------------------------------------------------------------------------

// All items of all pages. A service that gives pages without end is stopped by its own repetition.
std::vector<XmlElement> list(Client& client, const QueryForm& request, const char* set_name) {
  std::vector<XmlElement> all;
  std::set<std::string> seen;
  std::string token;
  do {
    QueryForm page_request = request;
    page_request.add_if("NextToken", token);
    const XmlElement page = post(client, page_request);
    auto items = page.items(set_name);
    all.insert(all.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
    token = page.text("nextToken");
    if (!token.empty() && !seen.insert(token).second) throw_bad_answer(request.operation(), "a page comes again");
  } while (!token.empty());
  return all;
}

// As list(); nothing at all for what is not there.
std::vector<XmlElement> list_known(Client& client, const QueryForm& request, const char* set_name) {
  try {
    return list(client, request, set_name);
  } catch (const ServiceError& error) {
    if (!is_not_found(error)) throw;
    return {};
  }
}

template <typename Value>
std::vector<Value> read_all(const std::vector<XmlElement>& items, Value (*read)(const XmlElement&)) {
  std::vector<Value> values;
  values.reserve(items.size());
  for (const XmlElement& item : items) values.push_back(read(item));
  return values;
}

template <typename Value>
std::optional<Value> read_first(const std::vector<XmlElement>& items, Value (*read)(const XmlElement&)) {
  if (items.empty()) return std::nullopt;
  return read(items.front());
}

void change_launch_permissions(Client& client, const std::string& image_id, const char* change,
                               const Permissions& permissions) {
  if (permissions.empty()) return;
  QueryForm request = form("ModifyImageAttribute");
  request.add("ImageId", image_id).add("Attribute", "launchPermission");
  add_permissions(request, std::string("LaunchPermission.") + change, permissions);
  post(client, request, true);
}

void change_volume_permissions(Client& client, const std::string& snapshot_id, const char* change,
                               const Permissions& permissions) {
  if (!permissions.organizations.empty() || !permissions.organizational_units.empty()) {
    throw Error(
        ErrorKind::input,
        fmt::format("the snapshot {} cannot be shared with organisations, only with accounts or all", snapshot_id),
        "an image that is shared with an organisation needs no permission on its snapshot to be started");
  }
  if (permissions.empty()) return;
  QueryForm request = form("ModifySnapshotAttribute");
  request.add("SnapshotId", snapshot_id).add("Attribute", "createVolumePermission");
  add_permissions(request, std::string("CreateVolumePermission.") + change, permissions);
  post(client, request, true);
}

}  // namespace

std::string Ec2::register_image(const RegisterImage& image) {
  QueryForm request = form("RegisterImage");
  request.add("Name", image.name).add_if("Description", image.description);
  request.add("Architecture", image.architecture).add("RootDeviceName", image.root_device_name);
  request.add("VirtualizationType", "hvm").add_flag("EnaSupport", image.ena_support);
  request.add_if("BootMode", image.boot_mode).add_if("ImdsSupport", image.imds_support);
  request.add_if("TpmSupport", image.tpm_support).add_if("UefiData", image.uefi_data);
  std::size_t number = 0;
  for (const BlockDevice& device : image.block_devices) {
    add_device(request, fmt::format("BlockDeviceMapping.{}", ++number), device);
  }
  if (!image.tags.empty()) {
    request.add("TagSpecification.1.ResourceType", "image");
    request.add_tags("TagSpecification.1.Tag", image.tags);
  }
  return post(client_, request, true).required_text("imageId");
}

std::optional<Image> Ec2::find_image(const std::string& image_id) {
  const QueryForm request = form("DescribeImages").add("ImageId.1", image_id).add_flag("IncludeDeprecated", true);
  return read_first(list_known(client_, request, "imagesSet"), read_image);
}

std::optional<Image> Ec2::find_own_image(const std::string& name) {
  QueryForm request = form("DescribeImages");
  request.add("Owner.1", "self").add_flag("IncludeDeprecated", true);
  request.add("Filter.1.Name", "name").add("Filter.1.Value.1", name);
  // The filter takes wildcards, which a name may have for characters.
  const auto images = read_all(list(client_, request, "imagesSet"), read_image);
  const auto found = std::find_if(images.begin(), images.end(), [&](const Image& image) { return image.name == name; });
  return found == images.end() ? std::nullopt : std::optional<Image>(*found);
}

std::vector<Image> Ec2::own_images_with_tags(const Tags& tags) {
  QueryForm request = form("DescribeImages");
  request.add("Owner.1", "self").add_flag("IncludeDeprecated", true).add_tag_filters(tags);
  return read_all(list(client_, request, "imagesSet"), read_image);
}

Permissions Ec2::launch_permissions(const std::string& image_id) {
  QueryForm request = form("DescribeImageAttribute");
  request.add("ImageId", image_id).add("Attribute", "launchPermission");
  return read_permissions(post(client_, request).items("launchPermission"));
}

void Ec2::add_launch_permissions(const std::string& image_id, const Permissions& permissions) {
  change_launch_permissions(client_, image_id, "Add", permissions);
}

void Ec2::remove_launch_permissions(const std::string& image_id, const Permissions& permissions) {
  change_launch_permissions(client_, image_id, "Remove", permissions);
}

std::optional<Snapshot> Ec2::find_snapshot(const std::string& snapshot_id) {
  const QueryForm request = form("DescribeSnapshots").add("SnapshotId.1", snapshot_id);
  return read_first(list_known(client_, request, "snapshotSet"), read_snapshot);
}

std::vector<Snapshot> Ec2::find_snapshots(const std::vector<std::string>& snapshot_ids) {
  std::vector<Snapshot> found;
  constexpr std::size_t at_once = 200;  // a filter's limit
  for (std::size_t start = 0; start < snapshot_ids.size(); start += at_once) {
    QueryForm request = form("DescribeSnapshots");
    // A filter, as ids that are not known make a list of ids fail as a whole.
    request.add("Filter.1.Name", "snapshot-id");
    const std::size_t end = std::min(snapshot_ids.size(), start + at_once);
    const auto first = snapshot_ids.begin();
    request.add_list("Filter.1.Value",
                     {first + static_cast<std::ptrdiff_t>(start), first + static_cast<std::ptrdiff_t>(end)});
    for (Snapshot& snapshot : read_all(list(client_, request, "snapshotSet"), read_snapshot)) {
      found.push_back(std::move(snapshot));
    }
  }
  return found;
}

std::vector<Snapshot> Ec2::own_snapshots_with_tags(const Tags& tags) {
  QueryForm request = form("DescribeSnapshots");
  request.add("Owner.1", "self").add_tag_filters(tags);
  return read_all(list(client_, request, "snapshotSet"), read_snapshot);
}

Permissions Ec2::volume_permissions(const std::string& snapshot_id) {
  QueryForm request = form("DescribeSnapshotAttribute");
  request.add("SnapshotId", snapshot_id).add("Attribute", "createVolumePermission");
  return read_permissions(post(client_, request).items("createVolumePermission"));
}

void Ec2::add_volume_permissions(const std::string& snapshot_id, const Permissions& permissions) {
  change_volume_permissions(client_, snapshot_id, "Add", permissions);
}

void Ec2::remove_volume_permissions(const std::string& snapshot_id, const Permissions& permissions) {
  change_volume_permissions(client_, snapshot_id, "Remove", permissions);
}

void Ec2::enable_image_deprecation(const std::string& image_id, Time when) {
  QueryForm request = form("EnableImageDeprecation");
  request.add("ImageId", image_id).add("DeprecateAt", format_time(when));
  post(client_, request, true);
}

void Ec2::create_tags(const std::vector<std::string>& resource_ids, const Tags& tags) {
  if (resource_ids.empty() || tags.empty()) return;
  QueryForm request = form("CreateTags");
  request.add_list("ResourceId", resource_ids).add_tags("Tag", tags);
  post(client_, request, true);
}

bool Ec2::deregister_image(const std::string& image_id) {
  try {
    post(client_, form("DeregisterImage").add("ImageId", image_id));
    return true;
  } catch (const ServiceError& error) {
    if (!is_not_found(error)) throw;
    return false;
  }
}

bool Ec2::delete_snapshot(const std::string& snapshot_id) {
  try {
    post(client_, form("DeleteSnapshot").add("SnapshotId", snapshot_id));
    return true;
  } catch (const ServiceError& error) {
    if (!is_not_found(error)) throw;
    return false;
  }
}

std::optional<LaunchTemplate> Ec2::find_launch_template(const std::string& id_or_name) {
  QueryForm request = form("DescribeLaunchTemplates");
  request.add(id_or_name.starts_with("lt-") ? "LaunchTemplateId.1" : "LaunchTemplateName.1", id_or_name);
  try {
    return read_first(list(client_, request, "launchTemplates"), read_template);
  } catch (const ServiceError& error) {
    // "…NotFoundException" by name, "InvalidLaunchTemplateId.NotFound…" by id.
    if (error.code().find("NotFound") == std::string::npos) throw;
    return std::nullopt;
  }
}

std::vector<LaunchTemplateVersion> Ec2::launch_template_versions(const std::string& template_id,
                                                                 const std::vector<std::string>& versions) {
  QueryForm request = form("DescribeLaunchTemplateVersions");
  request.add("LaunchTemplateId", template_id).add_list("LaunchTemplateVersion", versions);
  return read_all(list(client_, request, "launchTemplateVersionSet"), read_template_version);
}

LaunchTemplateVersion Ec2::create_launch_template_version(const NewLaunchTemplateVersion& version) {
  QueryForm request = form("CreateLaunchTemplateVersion");
  request.add("LaunchTemplateId", version.template_id).add("SourceVersion", version.source_version);
  request.add_if("ClientToken", version.client_token).add_if("VersionDescription", version.description);
  request.add("LaunchTemplateData.ImageId", version.image_id);
  const XmlElement answer = post(client_, request);
  const auto made = answer.child("launchTemplateVersion");
  if (!made) throw_bad_answer(request.operation(), "<launchTemplateVersion> is missing");
  return read_template_version(*made);
}

void Ec2::set_default_launch_template_version(const std::string& template_id, std::uint64_t version) {
  QueryForm request = form("ModifyLaunchTemplate");
  request.add("LaunchTemplateId", template_id).add("SetDefaultVersion", version);
  post(client_, request);
}

}  // namespace compose::aws
