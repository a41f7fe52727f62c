// The wire to AWS against the strict endpoint, which takes a request only when its signature, its shape and the state
// of things are right; awscli looks at the result.

#include <atomic>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "publish/aws/ebs.hpp"
#include "publish/aws/ec2.hpp"
#include "publish/aws/s3.hpp"
#include "publish/aws/ssm.hpp"
#include "publish/aws/sts.hpp"
#include "support/aws_endpoint.hpp"
#include "support/parallel.hpp"

namespace compose {
namespace {

using nlohmann::json;
using test::AwsEndpoint;

constexpr const char* region_name = "eu-central-1";

// A region of the endpoint, with real connections and real time.
class Region {
 public:
  Region(const AwsEndpoint& endpoint, const aws::CredentialSources& sources)
      : endpoints_({}, endpoint.url()),
        transport_(aws::make_curl_transport(aws::transport_options({}))),
        credentials_(aws::make_credential_chain(with_ours(sources))),
        client_(settings()) {}
  explicit Region(const AwsEndpoint& endpoint) : Region(endpoint, static_keys()) {}

  aws::Client& client() { return client_; }
  aws::Window& window() { return window_; }

 private:
  static aws::CredentialSources static_keys() {
    aws::CredentialSources sources{};
    sources.environment = {{"AWS_ACCESS_KEY_ID", AwsEndpoint::access_key},
                           {"AWS_SECRET_ACCESS_KEY", AwsEndpoint::secret_key}};
    return sources;
  }
  aws::CredentialSources with_ours(aws::CredentialSources sources) {
    sources.region = region_name;
    sources.endpoints = &endpoints_;
    sources.transport = transport_.get();
    sources.timing = aws::real_timing();
    sources.cancel = &cancel_;
    return sources;
  }
  aws::ClientSettings settings() {
    aws::ClientSettings settings;
    settings.region = region_name;
    settings.endpoints = &endpoints_;
    settings.transport = transport_.get();
    settings.credentials = credentials_.get();
    settings.cancel = &cancel_;
    settings.retry.first_pause = std::chrono::milliseconds(20);
    settings.retry.longest_pause = std::chrono::milliseconds(200);
    settings.retry.longest_silence = std::chrono::milliseconds(1500);
    return settings;
  }

  aws::Cancel cancel_;
  aws::Endpoints endpoints_;
  std::unique_ptr<aws::Transport> transport_;
  std::unique_ptr<aws::CredentialProvider> credentials_;
  aws::Client client_;
  aws::Window window_{{4, 1, 16}};
};

std::string block_of(std::uint32_t index, char kind) {
  std::string block(aws::block_bytes, kind);
  block.replace(0, 8, fmt::format("{:08}", index));
  return block;
}

std::span<const unsigned char> bytes_of(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

// Puts the blocks from many threads; the checksum of their checksums.
Sha256Bytes upload(Region& region, const std::string& snapshot, const std::vector<std::uint32_t>& indexes, char kind) {
  aws::Ebs ebs(region.client(), &region.window());
  std::vector<Sha256Bytes> checksums(indexes.size());
  for_each_in_parallel(indexes.size(), 12, [&](std::size_t number) {
    const std::string block = block_of(indexes[number], kind);
    checksums[number] = Sha256().update(block).finish();
    ebs.put_snapshot_block(snapshot, indexes[number], bytes_of(block), checksums[number]);
  });
  Sha256 all;
  for (const Sha256Bytes& checksum : checksums) all.update(checksum);
  return all.finish();
}

std::string make_snapshot(Region& region, const std::string& parent, const std::vector<std::uint32_t>& indexes,
                          char kind) {
  aws::Ebs ebs(region.client());
  aws::StartSnapshot request;
  request.volume_size_gib = 1;
  request.parent_snapshot_id = parent;
  request.description = "test";
  request.client_token = parent + kind;
  request.tags = {{"Name", "test & \xc3\xa4"}};
  const std::string snapshot = ebs.start_snapshot(request).snapshot_id;
  const Sha256Bytes checksum = upload(region, snapshot, indexes, kind);
  ebs.complete_snapshot(snapshot, indexes.size(), checksum);
  return snapshot;
}

std::vector<std::uint32_t> numbers(std::uint32_t count, std::uint32_t step) {
  std::vector<std::uint32_t> result;
  for (std::uint32_t number = 0; number < count; ++number) result.push_back(number * step);
  return result;
}

aws::RegisterImage image_of(const std::string& snapshot) {
  aws::RegisterImage image;
  image.name = "fedora-ecs 1";
  image.description = "a test's & image";
  image.architecture = "x86_64";
  image.root_device_name = "/dev/xvda";
  aws::BlockDevice root;
  root.device_name = "/dev/xvda";
  root.snapshot_id = snapshot;
  root.volume_type = "gp3";
  root.delete_on_termination = true;
  aws::BlockDevice more;
  more.device_name = "/dev/xvdcz";
  more.size_gib = 22;
  more.volume_type = "gp3";
  more.delete_on_termination = true;
  image.block_devices = {root, more};
  image.boot_mode = "uefi-preferred";
  image.imds_support = "v2.0";
  image.tags = {{"Name", "x"}, {"version", "1"}};
  return image;
}

}  // namespace

TEST_CASE("AWS: blocks arrive whole through throttles, errors, lost connections and hangs") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "aws-");
  const AwsEndpoint endpoint(folder.path() / "endpoint", R"({"snapshot_visible_after_puts": 3, "page_size": 7})",
                             R"({"seed": 1, "rates": [
      {"operation": "PutSnapshotBlock", "kind": "throttle", "rate": 0.08},
      {"operation": "PutSnapshotBlock", "kind": "internal", "rate": 0.03},
      {"operation": "PutSnapshotBlock", "kind": "drop_before", "rate": 0.03},
      {"operation": "PutSnapshotBlock", "kind": "drop_after", "rate": 0.03},
      {"operation": "PutSnapshotBlock", "kind": "truncate", "rate": 0.02},
      {"operation": "PutSnapshotBlock", "kind": "hang", "rate": 0.01}]})");
  Region region(endpoint);
  const auto indexes = numbers(120, 3);
  const std::string first = make_snapshot(region, "", indexes, 'a');
  CHECK(region.client().counters().retries > 5);
  CHECK(region.client().counters().throttles > 2);

  endpoint.clear_faults();
  const std::vector<std::uint32_t> changed{0, 3, 1000};
  const std::string second = make_snapshot(region, first, changed, 'b');
  aws::Ec2 ec2(region.client());
  CHECK(ec2.find_snapshot(second)->state == "completed");
  CHECK(ec2.find_snapshots({first, "snap-0123456789abcdef0", second}).size() == 2);

  aws::Ebs ebs(region.client(), &region.window());
  std::vector<aws::SnapshotBlock> blocks;
  ebs.list_snapshot_blocks(second, [&](const aws::SnapshotBlock& block) { blocks.push_back(block); });
  CHECK(blocks.size() == indexes.size() + 1);
  for (const aws::SnapshotBlock& block : blocks) {
    const bool is_changed = std::find(changed.begin(), changed.end(), block.index) != changed.end();
    CHECK(ebs.get_snapshot_block(second, block.index, block.token) == block_of(block.index, is_changed ? 'b' : 'a'));
  }
  std::vector<std::uint32_t> differing;
  ebs.list_changed_blocks(first, second, [&](const aws::ChangedBlock& block) { differing.push_back(block.index); });
  CHECK(differing == changed);
}

TEST_CASE("AWS: an image with everything about it, as awscli sees it") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "aws-");
  const AwsEndpoint endpoint(folder.path() / "endpoint", R"({"page_size": 1})");
  Region region(endpoint);
  CHECK(aws::caller_identity(region.client()).account == AwsEndpoint::account);
  const std::string snapshot = make_snapshot(region, "", numbers(2, 1), 'a');
  aws::Ec2 ec2(region.client());
  const std::string id = ec2.register_image(image_of(snapshot));
  CHECK_THROWS_AS(ec2.register_image(image_of(snapshot)), aws::ServiceError);

  const aws::Permissions some{
      {"222233334444"}, {"arn:aws:organizations::111122223333:organization/o-abcdefghij"}, {}, true};
  ec2.add_launch_permissions(id, some);
  CHECK(ec2.launch_permissions(id) == some);
  ec2.remove_launch_permissions(id, {{}, {}, {}, true});
  CHECK_FALSE(ec2.launch_permissions(id).everybody);
  ec2.add_volume_permissions(snapshot, {{"222233334444"}, {}, {}, false});
  CHECK(ec2.volume_permissions(snapshot) == aws::Permissions{{"222233334444"}, {}, {}, false});
  const auto deprecation =
      std::chrono::floor<std::chrono::minutes>(std::chrono::system_clock::now()) + std::chrono::hours(24 * 365);
  ec2.enable_image_deprecation(id, deprecation);
  ec2.create_tags({id, snapshot}, {{"commit", "abc"}});

  const auto image = ec2.find_own_image("fedora-ecs 1");
  REQUIRE(image);
  CHECK(image->image_id == id);
  CHECK(image->state == "available");
  CHECK(image->boot_mode == "uefi-preferred");
  CHECK(image->block_devices.size() == 2);
  CHECK(image->tags == aws::Tags{{"Name", "x"}, {"commit", "abc"}, {"version", "1"}});
  CHECK(image->deprecation_time.substr(0, 16) == aws::format_time(deprecation).substr(0, 16));
  CHECK(ec2.own_images_with_tags({{"commit", "abc"}, {"version", "1"}}).size() == 1);
  CHECK(ec2.own_snapshots_with_tags({{"commit", "abc"}}).size() == 1);
  const json seen = json::parse(endpoint.aws(region_name, {"ec2", "describe-images", "--image-ids", id}))["Images"][0];
  CHECK(seen["Name"] == "fedora-ecs 1");
  CHECK(seen["Description"] == "a test's & image");
  CHECK(seen["ImdsSupport"] == "v2.0");
  CHECK(seen["BlockDeviceMappings"][1]["Ebs"]["VolumeSize"] == 22);

  CHECK_THROWS_AS(ec2.delete_snapshot(snapshot), aws::ServiceError);
  CHECK(ec2.deregister_image(id));
  CHECK(ec2.delete_snapshot(snapshot));
  CHECK_FALSE(ec2.deregister_image(id));
  CHECK_FALSE(ec2.delete_snapshot(snapshot));
  CHECK_FALSE(ec2.find_image(id));
  CHECK_FALSE(ec2.find_snapshot(snapshot));
}

TEST_CASE("AWS: parameters and launch templates move to a new image") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "aws-");
  const AwsEndpoint endpoint(folder.path() / "endpoint");
  Region region(endpoint);
  aws::Ec2 ec2(region.client());
  const std::string id = ec2.register_image(image_of(make_snapshot(region, "", {0}, 'a')));
  aws::Ssm ssm(region.client());
  aws::PutParameter parameter{"/atomic/ecs/latest/image_id", id, "the newest", true, false, {{"a", "b"}}};
  CHECK(ssm.put_parameter(parameter) == 1);
  CHECK_THROWS_AS(ssm.put_parameter(parameter), aws::ServiceError);
  parameter.overwrite = true;
  CHECK(ssm.put_parameter(parameter) == 2);
  CHECK(ssm.get_parameter("/atomic/ecs/latest/image_id")->value == id);
  CHECK(ssm.get_parameter("/atomic/ecs/latest/image_id")->data_type == "aws:ec2:image");
  CHECK_FALSE(ssm.get_parameter("/atomic/none"));
  CHECK(ssm.get_parameters({"/atomic/ecs/latest/image_id", "/atomic/none"}).size() == 1);

  endpoint.aws(region_name, {"ec2", "create-launch-template", "--launch-template-name", "web", "--launch-template-data",
                             R"({"ImageId":"ami-0123456789abcdef0","InstanceType":"t3.micro"})"});
  const auto found = ec2.find_launch_template("web");
  REQUIRE(found);
  CHECK_FALSE(ec2.find_launch_template("none"));
  CHECK_FALSE(ec2.find_launch_template("lt-0123456789abcdef0"));
  const aws::NewLaunchTemplateVersion version{found->id, "$Default", id, "by test", "token-1"};
  CHECK(ec2.create_launch_template_version(version).number == 2);
  CHECK(ec2.create_launch_template_version(version).number == 2);
  ec2.set_default_launch_template_version(found->id, 2);
  CHECK(ec2.find_launch_template(found->id)->default_version == 2);
  CHECK(ec2.launch_template_versions(found->id, {"$Default"}).at(0).image_id == id);
  CHECK(ec2.launch_template_versions(found->id).size() == 2);

  CHECK(ssm.delete_parameter("/atomic/ecs/latest/image_id"));
  CHECK_FALSE(ssm.delete_parameter("/atomic/ecs/latest/image_id"));
  CHECK(ssm.delete_parameters({"/atomic/none"}).empty());
}

TEST_CASE("AWS: objects of a bucket") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "aws-");
  const AwsEndpoint endpoint(folder.path() / "endpoint", R"({"page_size": 2})");
  Region region(endpoint);
  endpoint.aws(region_name, {"s3api", "create-bucket", "--bucket", "test-bucket", "--create-bucket-configuration",
                             "LocationConstraint=eu-central-1"});
  aws::Bucket bucket(region.client(), "test-bucket");
  bucket.put("repo/config & \xc3\xa4+", "content", {"text/plain", "max-age=60", {{"commit", "abc"}}});
  CHECK(bucket.get("repo/config & \xc3\xa4+") == "content");
  const auto info = bucket.head("repo/config & \xc3\xa4+");
  REQUIRE(info);
  CHECK(info->content_type == "text/plain");
  CHECK(info->cache_control == "max-age=60");
  CHECK(info->metadata.at("commit") == "abc");
  CHECK_FALSE(bucket.get("none"));
  CHECK_FALSE(bucket.head("none"));
  std::string big(aws::Bucket::part_bytes + 12345, 'x');
  big[0] = 'y';
  write_file_atomically(folder.path() / "big", big);
  bucket.put_file("repo/big", folder.path() / "big");
  CHECK(bucket.head("repo/big")->size_bytes == big.size());
  CHECK(*bucket.get("repo/big") == big);
  for (int number = 0; number < 3; ++number) bucket.put(fmt::format("repo/objects/{}", number), "x");
  std::vector<std::string> keys;
  bucket.list("repo/", [&](const aws::ObjectInfo& found) { keys.push_back(found.key); });
  CHECK(keys == std::vector<std::string>{"repo/big", "repo/config & \xc3\xa4+", "repo/objects/0", "repo/objects/1",
                                         "repo/objects/2"});
  bucket.remove(keys);
  keys.clear();
  bucket.list("", [&](const aws::ObjectInfo& found) { keys.push_back(found.key); });
  CHECK(keys.empty());
}

TEST_CASE("AWS: credentials that expire in mid-upload are renewed, others are refused at once") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "aws-");
  const AwsEndpoint endpoint(folder.path() / "endpoint");
  endpoint.admin("POST", "web-identity",
                 R"({"token": "identity", "role_arn": "arn:aws:iam::111122223333:role/publisher"})");
  write_file_atomically(folder.path() / "token", "identity\n");
  aws::CredentialSources sources{};
  sources.environment = {{"AWS_WEB_IDENTITY_TOKEN_FILE", (folder.path() / "token").string()},
                         {"AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/publisher"}};
  Region region(endpoint, sources);
  aws::Ebs ebs(region.client());
  aws::StartSnapshot request;
  request.client_token = "token";
  request.timeout_minutes = 300;
  const std::string snapshot = ebs.start_snapshot(request).snapshot_id;
  upload(region, snapshot, numbers(5, 1), 'a');
  endpoint.set(R"({"clock_offset_s": 7200})");
  upload(region, snapshot, numbers(10, 1), 'a');
  ebs.complete_snapshot(snapshot, 10);
  CHECK(region.client().counters().retries >= 1);

  aws::CredentialSources wrong{};
  wrong.environment = {{"AWS_ACCESS_KEY_ID", AwsEndpoint::access_key}, {"AWS_SECRET_ACCESS_KEY", "wrong"}};
  Region refused(endpoint, wrong);
  try {
    aws::caller_identity(refused.client());
    FAIL();
  } catch (const aws::ServiceError& error) {
    CHECK(error.code() == "SignatureDoesNotMatch");
    CHECK(error.hint().find("AWS_ACCESS_KEY_ID") != std::string::npos);
  }
  CHECK(refused.client().counters().requests == 1);
}

TEST_CASE("AWS: a profile's programs are really run: credential_process, and the AWS CLI for what it alone knows") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "aws-");
  fs::create_directory(folder.path() / ".aws");
  write_file_atomically(
      folder.path() / ".aws/config",
      "[profile own]\n"
      "credential_process = /bin/echo '{\"Version\":1,\"AccessKeyId\":\"AKIDOWN\",\"SecretAccessKey\":\"s\"}'\n"
      "[profile cli]\nsource_profile = other\n"
      "aws_access_key_id = AKIDCLI\naws_secret_access_key = s\naws_session_token = t\n"
      "[profile sso]\nsso_session = s\nsso_account_id = 111122223333\nsso_role_name = r\n"
      "[sso-session s]\nsso_region = eu-central-1\nsso_start_url = https://sso.example/start\n");
  aws::CredentialSources sources{};
  sources.home = folder.path();
  sources.environment = {{"AWS_CONFIG_FILE", (folder.path() / ".aws/config").string()},
                         {"HOME", folder.path().string()},
                         {"PATH", "/usr/bin:/bin"}};
  sources.run_program = run;
  sources.profile = "own";
  CHECK(aws::find_credentials(sources).access_key_id == "AKIDOWN");
  sources.profile = "cli";
  const aws::Credentials found = aws::find_credentials(sources);
  CHECK(found.access_key_id == "AKIDCLI");
  CHECK(found.session_token == "t");
  sources.profile = "sso";
  try {
    aws::find_credentials(sources);
    FAIL();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    CHECK(error.explain().find("aws sso login --profile sso") != std::string::npos);
    CHECK(std::string(error.what()).find("Token") != std::string::npos);
  }
}

}  // namespace compose
