#pragma once
// Images, snapshots and launch templates: the EC2 API, version 2016-11-15
// (docs.aws.amazon.com/AWSEC2/latest/APIReference).

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "publish/aws/client.hpp"

namespace compose::aws {

struct BlockDevice {
  std::string device_name;  // "/dev/xvda"
  std::string snapshot_id;  // empty: an empty volume
  std::optional<std::uint32_t> size_gib;
  std::string volume_type;  // "gp3"; empty: the service's default
  std::optional<std::uint32_t> iops;
  std::optional<std::uint32_t> throughput_mib_s;
  std::optional<bool> delete_on_termination;
  std::optional<bool> encrypted;  // not for a volume of a snapshot
  std::string kms_key_id;

  bool operator==(const BlockDevice&) const = default;
};

struct RegisterImage {
  std::string name;  // 3 … 128 characters; the account has no two images of one name in a region
  std::string description;
  std::string architecture;  // "x86_64", "arm64"
  std::string root_device_name;
  std::vector<BlockDevice> block_devices;  // the root device's among them
  std::string boot_mode;                   // "legacy-bios", "uefi", "uefi-preferred"; empty: not said
  bool ena_support = true;
  std::string imds_support;  // "v2.0": instances take IMDSv2 only; empty: both
  std::string tpm_support;   // "v2.0" or empty
  std::string uefi_data;     // base64, at most 64 000 characters, or empty
  Tags tags;
};

struct Image {
  std::string image_id;
  std::string name;
  std::string description;
  std::string state;  // "pending", "available", "failed", …
  std::string state_reason;
  std::string owner_id;
  std::string architecture;
  std::string root_device_name;
  std::string boot_mode;
  std::string imds_support;
  std::string tpm_support;
  std::string virtualization_type;
  std::string creation_date;     // as the service writes it
  std::string deprecation_time;  // as the service writes it, or empty
  bool ena_support = false;
  bool is_public = false;
  std::vector<BlockDevice> block_devices;
  Tags tags;
};

struct Snapshot {
  std::string snapshot_id;
  std::string state;  // "pending", "completed", "error", …
  std::string state_message;
  std::string progress;  // "87%"
  std::string owner_id;
  std::string description;
  std::uint64_t volume_size_gib = 0;
  bool encrypted = false;
  std::string kms_key_id;
  Tags tags;
};

// Who may use an image or (accounts and everybody only) make volumes of a snapshot.
struct Permissions {
  std::set<std::string> accounts;              // 12 digits
  std::set<std::string> organizations;         // ARNs
  std::set<std::string> organizational_units;  // ARNs
  bool everybody = false;                      // group "all"

  bool empty() const { return accounts.empty() && organizations.empty() && organizational_units.empty() && !everybody; }
  bool operator==(const Permissions&) const = default;
};

struct LaunchTemplate {
  std::string id;
  std::string name;
  std::uint64_t default_version = 0;
  std::uint64_t latest_version = 0;
  Tags tags;
};

struct LaunchTemplateVersion {
  std::uint64_t number = 0;
  bool is_default = false;
  std::string description;
  std::string image_id;  // as it was given: an id, or "resolve:ssm:…"
};

struct NewLaunchTemplateVersion {
  std::string template_id;
  std::string source_version;  // a number, "$Latest" or "$Default": what the new one is like but for the image
  std::string image_id;
  std::string description;
  std::string client_token;  // at most 128 ASCII characters
};

// All throw what Client::call() throws, and Error(failed) for an answer that is not what the service promises. For any
// number of threads at once. "Fresh" objects may not be known everywhere yet; what is asked of one is tried again for
// RetryPolicy::not_visible_deadline where that is said.
class Ec2 {
 public:
  // `client` must outlive this.
  explicit Ec2(Client& client) : client_(client) {}

  // The new image's id. Not idempotent: after a lost answer the next try says InvalidAMIName.Duplicate, which is
  // thrown; find_own_image() tells whose it is. Waits for a fresh snapshot.
  std::string register_image(const RegisterImage& request);

  // Nothing where the id is not known (or not visible to us).
  std::optional<Image> find_image(const std::string& image_id);
  // Images of our account by name; at most one by the service's rules. Deprecated ones too.
  std::optional<Image> find_own_image(const std::string& name);
  // Images of our account that have all of these tags.
  std::vector<Image> own_images_with_tags(const Tags& tags);

  Permissions launch_permissions(const std::string& image_id);
  // No call is made for empty permissions. Waits for a fresh image.
  void add_launch_permissions(const std::string& image_id, const Permissions& permissions);
  void remove_launch_permissions(const std::string& image_id, const Permissions& permissions);

  // Nothing where the id is not known.
  std::optional<Snapshot> find_snapshot(const std::string& snapshot_id);
  // Those of the ids that exist.
  std::vector<Snapshot> find_snapshots(const std::vector<std::string>& snapshot_ids);
  std::vector<Snapshot> own_snapshots_with_tags(const Tags& tags);

  Permissions volume_permissions(const std::string& snapshot_id);
  // Accounts and everybody only: Error(input) for organisations, which snapshots cannot be shared with.
  void add_volume_permissions(const std::string& snapshot_id, const Permissions& permissions);
  void remove_volume_permissions(const std::string& snapshot_id, const Permissions& permissions);

  // `when`: the service rounds to the minute and takes at most 10 years ahead (2 years for public images).
  void enable_image_deprecation(const std::string& image_id, Time when);

  // Adds to, and replaces among, the tags of each resource. Waits for fresh ones.
  void create_tags(const std::vector<std::string>& resource_ids, const Tags& tags);

  // Whether there was one.
  bool deregister_image(const std::string& image_id);
  // Whether there was one. InvalidSnapshot.InUse, while an image uses it, is thrown.
  bool delete_snapshot(const std::string& snapshot_id);

  // By id ("lt-…") or by name; nothing where there is none.
  std::optional<LaunchTemplate> find_launch_template(const std::string& id_or_name);
  // `versions`: numbers, "$Latest", "$Default"; empty: all.
  std::vector<LaunchTemplateVersion> launch_template_versions(const std::string& template_id,
                                                              const std::vector<std::string>& versions = {});
  LaunchTemplateVersion create_launch_template_version(const NewLaunchTemplateVersion& request);
  void set_default_launch_template_version(const std::string& template_id, std::uint64_t version);

 private:
  Client& client_;
};

}  // namespace compose::aws
