#include "publish/subject.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <boost/algorithm/string/replace.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::publish {
namespace {

constexpr std::uint64_t largest_uefi_data_bytes = 64000;

std::string uefi_data(const fs::path& file) {
  std::string text = read_file(file, largest_uefi_data_bytes);
  boost::algorithm::trim(text);
  return text;
}

aws::BlockDevice root_device(const recipe::PublishAws& wanted, const Subject& subject, const std::string& snapshot_id) {
  aws::BlockDevice device;
  device.device_name = wanted.root_device;
  device.snapshot_id = snapshot_id;
  device.size_gib = root_gib(wanted, subject.blocks);
  device.volume_type = wanted.volume_type;
  device.delete_on_termination = true;
  return device;
}

aws::BlockDevice empty_device(const recipe::PublishAws& wanted, const recipe::Volume& volume) {
  aws::BlockDevice device;
  device.device_name = volume.device;
  device.size_gib = static_cast<std::uint32_t>(volume_gib(volume.size_bytes));
  device.volume_type = wanted.volume_type;
  device.delete_on_termination = true;
  if (wanted.encrypted) device.encrypted = true;
  if (wanted.kms_key) device.kms_key_id = *wanted.kms_key;
  return device;
}

}  // namespace

Subject make_subject(std::string name, std::string version, std::string arch, std::string commit, fs::path raw,
                     ImageBlocks blocks) {
  const std::string digest = sha256_hex(fmt::format("atomic-compose image 1\n{}\n{}\n{}\n{} {}\n", name, version, arch,
                                                    blocks.size_bytes, to_text(blocks.blocks)));
  return {std::move(name), std::move(version), std::move(arch), std::move(commit),
          std::move(raw),  std::move(blocks),  digest};
}

std::string expand(const std::string& text, const Subject& subject) {
  std::string result = text;
  const std::map<std::string, std::string> fields = {
      {"{name}", subject.name}, {"{version}", subject.version}, {"{arch}", subject.arch}};
  for (const auto& [field, value] : fields) boost::algorithm::replace_all(result, field, value);
  return result;
}

std::string image_name(const recipe::PublishAws& wanted, const Subject& subject) {
  const std::string name = expand(wanted.image_name, subject);
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("()[] ./-'@_").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (name.size() >= 3 && name.size() <= 128 && std::all_of(name.begin(), name.end(), allowed)) return name;
  throw Error(ErrorKind::input, fmt::format("'{}' cannot be an image's name in EC2", name),
              "3 to 128 letters, digits and ()[] ./-'@_: change [publish.aws] image-name or [recipe] version");
}

std::vector<std::string> parameter_names(const recipe::PublishAws& wanted, const Subject& subject) {
  std::vector<std::string> names;
  for (const std::string& name : wanted.parameters) names.push_back(expand(name, subject));
  return names;
}

aws::Tags tags_of(const recipe::PublishAws& wanted, const Subject& subject) {
  aws::Tags tags(wanted.tags.begin(), wanted.tags.end());
  tags.emplace("Name", image_name(wanted, subject));
  tags["atomic-compose:name"] = subject.name;
  tags["atomic-compose:version"] = subject.version;
  tags["atomic-compose:image"] = subject.digest;
  if (!subject.commit.empty()) tags["atomic-compose:commit"] = subject.commit;
  return tags;
}

aws::Permissions permissions_of(const recipe::LaunchPermissions& launch) {
  return {{launch.accounts.begin(), launch.accounts.end()},
          {launch.organizations.begin(), launch.organizations.end()},
          {launch.organizational_units.begin(), launch.organizational_units.end()},
          launch.everybody};
}

aws::Permissions volume_permissions_of(const recipe::LaunchPermissions& launch) {
  return {{launch.accounts.begin(), launch.accounts.end()}, {}, {}, launch.everybody};
}

aws::RegisterImage image_request(const recipe::Recipe& recipe, const Subject& subject, const std::string& snapshot_id) {
  const recipe::PublishAws& wanted = *recipe.publish.aws;
  aws::RegisterImage request;
  request.name = image_name(wanted, subject);
  request.description = wanted.description.empty() ? recipe.summary : wanted.description;
  request.architecture = wanted.architecture;
  request.root_device_name = wanted.root_device;
  request.block_devices.push_back(root_device(wanted, subject, snapshot_id));
  for (const auto& volume : recipe.disk.volumes) request.block_devices.push_back(empty_device(wanted, volume));
  request.boot_mode = wanted.boot_mode;
  request.ena_support = wanted.ena;
  if (wanted.imds_v2_only) request.imds_support = "v2.0";
  if (wanted.tpm) request.tpm_support = "v2.0";
  if (wanted.uefi_data) request.uefi_data = uefi_data(*wanted.uefi_data);
  request.tags = tags_of(wanted, subject);
  return request;
}

std::uint32_t root_gib(const recipe::PublishAws& wanted, const ImageBlocks& image) {
  const std::uint64_t least = volume_gib(image.size_bytes);
  const std::uint64_t size = wanted.root_size_bytes ? *wanted.root_size_bytes >> 30U : least;
  if (size >= least) return static_cast<std::uint32_t>(size);
  throw Error(ErrorKind::input,
              fmt::format("[publish.aws] root-size is {} GiB, but the image has {} GiB", size, least));
}

}  // namespace compose::publish
