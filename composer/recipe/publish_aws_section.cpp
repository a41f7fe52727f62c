#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "recipe/checks.hpp"
#include "recipe/nearest.hpp"
#include "recipe/sections.hpp"

namespace compose::recipe {
namespace {

constexpr std::size_t kMostTags = 40;  // EC2 allows 50; some are the publisher's own

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
// "eu-central-1": words and a number.
Problem problem_with_region(std::string_view value) {
  const auto dash = value.rfind('-');
  const std::string_view words = value.substr(0, dash == std::string_view::npos ? 0 : dash);
  const std::string_view number = dash == std::string_view::npos ? "" : value.substr(dash + 1);
  const bool right = words.size() > 3 && words.find('-') != std::string_view::npos && is_lower(words.front()) &&
                     std::all_of(words.begin(), words.end(), [](char c) { return is_lower(c) || c == '-'; }) &&
                     !number.empty() && number.size() <= 2 && std::all_of(number.begin(), number.end(), is_digit);
  if (right) return std::nullopt;
  return fmt::format("{} is not a region's name, such as \"eu-central-1\"", quoted(value));
}

Problem problem_with_one_of(std::string_view value, std::string_view what, const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), value) != words.end()) return std::nullopt;
  const auto meant = nearest(value, words);
  return fmt::format("unknown {} {}{} known: {}", what, quoted(value),
                     meant ? fmt::format("; did you mean '{}'?", *meant) : ";", fmt::join(words, ", "));
}

// The text between the {fields}, when all of them are known ones.
Problem problem_with_fields(std::string_view value, std::string& literal) {
  static const std::vector<std::string> fields = {"name", "version", "arch"};
  while (true) {
    const auto open = value.find('{');
    literal += value.substr(0, open);
    if (open == std::string_view::npos) return std::nullopt;
    const auto close = value.find('}', open);
    if (close == std::string_view::npos) return "a '{' without its '}'";
    const std::string_view field = value.substr(open + 1, close - open - 1);
    if (auto problem = problem_with_one_of(field, "field", fields)) return problem;
    value.remove_prefix(close + 1);
  }
}

// EC2, RegisterImage, "Name": 3 to 128 of these characters. A name's fields are checked when they are filled in.
Problem problem_with_image_name(std::string_view value) {
  std::string literal;
  if (auto problem = problem_with_fields(value, literal)) return problem;
  if (value.find("{version}") == std::string_view::npos) {
    return fmt::format("{} must contain {{version}}: an account has each name only once", quoted(value));
  }
  if ((literal.empty() || consists_of(literal, "()[] ./-'@_"))) return std::nullopt;
  return fmt::format("{} is not an image's name: use letters, digits, spaces and ()[]./-'@_", quoted(value));
}

// Systems Manager, PutParameter, "Name".
Problem problem_with_parameter(std::string_view value) {
  std::string literal;
  if (auto problem = problem_with_fields(value, literal)) return problem;
  const bool reserved = value.starts_with("/aws") || value.starts_with("/ssm");
  if (value.starts_with('/') && value.size() > 1 && value.back() != '/' && !reserved && consists_of(literal, "/._-") &&
      value.find("//") == std::string_view::npos && std::count(value.begin(), value.end(), '/') <= 15) {
    return std::nullopt;
  }
  return fmt::format(
      "{} is not a parameter's name: begin with '/' (not '/aws' or '/ssm'), use letters, digits, '.', '_' and '-' "
      "between at most 15 '/', such as \"/atomic/ecs/{{version}}/image_id\"",
      quoted(value));
}

Problem problem_with_account(std::string_view value) {
  if (value.size() == 12 && std::all_of(value.begin(), value.end(), is_digit)) return std::nullopt;
  return fmt::format("{} is not an account: 12 digits, in quotes", quoted(value));
}

Problem problem_with_arn(std::string_view value, std::string_view kind, std::string_view example) {
  const auto resource = value.find(fmt::format(":{}/o-", kind));
  const bool right = value.starts_with("arn:aws") && value.find(":organizations::") != std::string_view::npos &&
                     resource != std::string_view::npos && consists_of(value, ":/-");
  if (right) return std::nullopt;
  return fmt::format("{} is not the ARN of {}, such as \"{}\"", quoted(value),
                     kind == "ou" ? "an organizational unit" : "an organization", example);
}

Problem problem_with_organization(std::string_view value) {
  return problem_with_arn(value, "organization", "arn:aws:organizations::123456789012:organization/o-abcde12345");
}

Problem problem_with_organizational_unit(std::string_view value) {
  return problem_with_arn(value, "ou", "arn:aws:organizations::123456789012:ou/o-abcde12345/ou-ab12-cdefgh34");
}

Problem problem_with_root_device(std::string_view value) {
  if (value == "/dev/xvda" || value == "/dev/sda1") return std::nullopt;
  return fmt::format("{} cannot be the root device: write \"/dev/xvda\" or \"/dev/sda1\"", quoted(value));
}

Problem problem_with_launch_template(std::string_view value) {
  if (value.size() >= 3 && value.size() <= 128 && consists_of(value, "().-/_")) return std::nullopt;
  return fmt::format("{} is neither the id nor the name of a launch template", quoted(value));
}

// EC2 User Guide, "Tag your Amazon EC2 resources", restrictions.
Problem problem_with_tag(std::string_view key, std::string_view value) {
  if (key.empty() || key.size() > 128 || key.starts_with("aws:") || key.starts_with("atomic-compose:")) {
    return fmt::format("{} cannot be a tag's key: 1 to 128 characters, not beginning with 'aws:' or 'atomic-compose:'",
                       quoted(key));
  }
  if (value.size() <= 256 && !has_control_characters(value)) {
    return std::nullopt;
  }
  return fmt::format("the value of tag {} is longer than 256 characters, or has a line end in it", quoted(key));
}

std::vector<std::string> read_regions(Table& table) {
  std::set<std::string, std::less<>> seen;
  const auto check = [&seen](std::string_view value) -> Problem {
    if (!seen.emplace(value).second) return fmt::format("region {} is there twice", quoted(value));
    return problem_with_region(value);
  };
  std::vector<std::string> regions = table.strings("regions", check);
  if (!table.has("regions") || table.is_empty_array("regions")) {
    table.error("regions",
                fmt::format("at least one region is needed in {}, such as regions = [\"eu-central-1\"]", table.name()));
  }
  return regions;
}

std::map<std::string, std::string> read_tags(Table table) {
  std::map<std::string, std::string> tags;
  for (const std::string& key : table.keys()) {
    const auto check = [&key](std::string_view value) { return problem_with_tag(key, value); };
    if (const auto value = table.string(key, check)) tags[key] = *value;
  }
  if (tags.size() > kMostTags) table.error_here(fmt::format("more than {} tags", kMostTags));
  return tags;
}

std::map<std::string, std::string> read_launch_templates(Table table, const std::vector<std::string>& regions) {
  std::map<std::string, std::string> templates;
  for (const std::string& region : table.keys()) {
    const auto value = table.string(region, problem_with_launch_template);
    if (std::find(regions.begin(), regions.end(), region) == regions.end()) {
      table.error(region, fmt::format("{} is not one of the regions: {}", quoted(region), fmt::join(regions, ", ")));
    }
    if (value) templates[region] = *value;
  }
  return templates;
}

std::map<std::string, std::string> read_profiles(Table table) {
  static const std::vector<std::string> partitions = {"aws", "aws-cn", "aws-us-gov"};
  std::map<std::string, std::string> profiles;
  for (const std::string& partition : table.keys()) {
    if (auto problem = problem_with_one_of(partition, "partition", partitions)) table.error(partition, *problem);
    profiles[partition] = table.required_string(partition, "a profile of the AWS configuration files");
  }
  return profiles;
}

LaunchPermissions read_launch_permissions(Table& table) {
  LaunchPermissions launch;
  launch.everybody = table.boolean("public").value_or(false);
  launch.accounts = table.strings("accounts", problem_with_account);
  launch.organizations = table.strings("organizations", problem_with_organization);
  launch.organizational_units = table.strings("organizational-units", problem_with_organizational_unit);
  return launch;
}

std::optional<unsigned> read_deprecation(Table& table) {
  const auto days = table.integer("deprecate-after-days");
  if (!days) return std::nullopt;
  if (*days >= 1 && *days <= 3650) return static_cast<unsigned>(*days);
  table.error("deprecate-after-days", fmt::format("{} is not between 1 and 3650", *days));
  return std::nullopt;
}

std::optional<fs::path> read_uefi_data(Table& table, const FileAccess& files) {
  const auto value = table.string("uefi-data");
  if (!value) return std::nullopt;
  const fs::path path = table.resolve("uefi-data", *value);
  if (!files.is_file(path)) {
    table.error("uefi-data", fmt::format("no such file: looked for {}", quoted(path.string())));
  }
  return absolute(path, files);
}

std::optional<std::uint64_t> read_root_size(Table& table) {
  std::optional<std::uint64_t> bytes;
  table.string("root-size", [&bytes](std::string_view value) -> Problem {
    std::string problem;
    bytes = size_in_bytes(value, problem);
    if (bytes && *bytes % (1ULL << 30U) != 0) problem = fmt::format("{}: volumes have whole GiB", quoted(value));
    return problem.empty() ? Problem() : problem;
  });
  return bytes;
}

void read_hardware(Table& table, const FileAccess& files, PublishAws& aws) {
  const auto one_of = [&table](const std::string& key, std::string_view what, std::vector<std::string> words,
                               std::string& value) {
    const auto check = [&](std::string_view word) { return problem_with_one_of(word, what, words); };
    value = table.string(key, check).value_or(value);
  };
  one_of("architecture", "architecture", {"x86_64", "arm64"}, aws.architecture);
  one_of("boot-mode", "boot mode", {"uefi-preferred", "uefi", "legacy-bios"}, aws.boot_mode);
  one_of("volume-type", "volume type", {"gp3", "gp2", "standard"}, aws.volume_type);
  std::string imds = "v2-only";
  one_of("imds", "way to reach instance metadata", {"v2-only", "optional"}, imds);
  aws.imds_v2_only = imds == "v2-only";
  aws.ena = table.boolean("ena").value_or(aws.ena);
  aws.tpm = table.boolean("tpm").value_or(aws.tpm);
  aws.uefi_data = read_uefi_data(table, files);
  aws.root_device = table.string("root-device", problem_with_root_device).value_or(aws.root_device);
  aws.root_size_bytes = read_root_size(table);
  aws.encrypted = table.boolean("encrypted").value_or(aws.encrypted);
  aws.kms_key = table.string("kms-key");
}

void check_together(Table& table, const PublishAws& aws) {
  if (aws.encrypted && aws.launch.everybody) {
    table.error("public", "an image with encrypted = true cannot be public: nobody else has its key");
  }
  // EC2, EnableImageDeprecation, "DeprecateAt".
  if (aws.launch.everybody && aws.deprecate_after_days.value_or(0) > 730) {
    table.error("deprecate-after-days", "a public image is deprecated after at most 730 days");
  }
  if (aws.kms_key && !aws.encrypted) table.error("kms-key", "kms-key says nothing without encrypted = true");
  if (aws.tpm && aws.boot_mode != "uefi") table.error("tpm", "a TPM needs boot-mode = \"uefi\"");
  if (aws.uefi_data && aws.boot_mode == "legacy-bios") {
    table.error("uefi-data", "uefi-data says nothing with boot-mode = \"legacy-bios\"");
  }
  if (aws.architecture == "arm64" && aws.boot_mode == "legacy-bios") {
    table.error("boot-mode", "arm64 boots with UEFI only");
  }
}

}  // namespace

PublishAws read_publish_aws(Table table, const FileAccess& files) {
  PublishAws aws;
  aws.regions = read_regions(table);
  aws.image_name = table.string("image-name", problem_with_image_name).value_or(aws.image_name);
  aws.description = table.string("description").value_or("");
  read_hardware(table, files, aws);
  aws.launch = read_launch_permissions(table);
  aws.deprecate_after_days = read_deprecation(table);
  aws.parameters = table.strings("parameters", problem_with_parameter);
  if (const auto tags = table.table("tags")) aws.tags = read_tags(*tags);
  if (const auto templates = table.table("launch-templates")) {
    aws.launch_templates = read_launch_templates(*templates, aws.regions);
  }
  aws.launch_template_default = table.boolean("launch-template-default").value_or(false);
  if (const auto profiles = table.table("profiles")) aws.profiles = read_profiles(*profiles);
  check_together(table, aws);
  table.finish();
  return aws;
}

}  // namespace compose::recipe
