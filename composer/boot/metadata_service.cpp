#include "boot/metadata_service.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <nlohmann/json.hpp>

#include "support/digest.hpp"
#include "support/number.hpp"

namespace compose::boot {
namespace {

using nlohmann::json;

constexpr const char* region = "us-east-1";
constexpr const char* zone = "us-east-1a";
constexpr const char* account = "000000000000";
constexpr const char* image = "ami-0a7031c0000000001";
constexpr const char* type = "m5.large";
constexpr const char* role = "boot-test";
constexpr const char* subnet = "169.254.169.0/24";
constexpr std::size_t most_tokens = 1000;  // a guest that asks for more loses the first

std::string identity_document(const Instance& instance) {
  return json{{"accountId", account},
              {"architecture", "x86_64"},
              {"availabilityZone", zone},
              {"imageId", image},
              {"instanceId", instance.id},
              {"instanceType", type},
              {"pendingTime", "2024-01-01T00:00:00Z"},
              {"privateIp", instance.address},
              {"region", region},
              {"version", "2017-09-30"}}
      .dump(2);
}

// Of no use anywhere: what is signed with them reaches the stand-in control plane only.
std::string role_credentials() {
  return json{{"Code", "Success"},
              {"LastUpdated", "2024-01-01T00:00:00Z"},
              {"Type", "AWS-HMAC"},
              {"AccessKeyId", "ASIAIOSFODNN7EXAMPLE"},
              {"SecretAccessKey", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
              {"Token", "boot-test"},
              {"Expiration", "2099-01-01T00:00:00Z"}}
      .dump(2);
}

std::map<std::string, std::string> instance_values(const Instance& instance) {
  const std::string name =
      fmt::format("ip-{}.ec2.internal", boost::algorithm::replace_all_copy(instance.address, ".", "-"));
  const std::string interface = fmt::format("meta-data/network/interfaces/macs/{}/", instance.mac);
  std::map<std::string, std::string> values{
      {"dynamic/instance-identity/document", identity_document(instance)},
      {"dynamic/instance-identity/pkcs7", "MIIBootTest\n"},
      {"dynamic/instance-identity/rsa2048", "MIIBootTest\n"},
      {"dynamic/instance-identity/signature", "Ym9vdC10ZXN0\n"},
      {"meta-data/ami-id", image},
      {"meta-data/ami-launch-index", "0"},
      {"meta-data/hostname", name},
      {"meta-data/iam/info", json{{"Code", "Success"},
                                  {"LastUpdated", "2024-01-01T00:00:00Z"},
                                  {"InstanceProfileArn", "arn:aws:iam::000000000000:instance-profile/boot-test"},
                                  {"InstanceProfileId", "AIPABOOTTEST"}}
                                 .dump(2)},
      {fmt::format("meta-data/iam/security-credentials/{}", role), role_credentials()},
      {"meta-data/instance-action", "none"},
      {"meta-data/instance-id", instance.id},
      {"meta-data/instance-life-cycle", "on-demand"},
      {"meta-data/instance-type", type},
      {"meta-data/local-hostname", name},
      {"meta-data/local-ipv4", instance.address},
      {"meta-data/mac", instance.mac},
      {interface + "device-number", "0"},
      {interface + "interface-id", "eni-0a7031c0000000001"},
      {interface + "local-hostname", name},
      {interface + "local-ipv4s", instance.address},
      {interface + "mac", instance.mac},
      {interface + "owner-id", account},
      {interface + "security-groups", "default"},
      {interface + "subnet-id", "subnet-0a7031c0000000001"},
      {interface + "subnet-ipv4-cidr-block", subnet},
      {interface + "vpc-id", "vpc-0a7031c0000000001"},
      {interface + "vpc-ipv4-cidr-block", subnet},
      {interface + "vpc-ipv4-cidr-blocks", subnet},
      {"meta-data/placement/availability-zone", zone},
      {"meta-data/placement/availability-zone-id", "use1-az1"},
      {"meta-data/placement/region", region},
      {"meta-data/profile", "default-hvm"},
      {"meta-data/public-keys/0/openssh-key", instance.public_key},
      {"meta-data/reservation-id", "r-0a7031c0000000001"},
      {"meta-data/security-groups", "default"},
      {"meta-data/services/domain", "amazonaws.com"},
      {"meta-data/services/partition", "aws"},
  };
  if (!instance.user_data.empty()) values["user-data"] = instance.user_data;
  return values;
}

// The path below the version: "/latest/meta-data/x" and "/2021-03-23/meta-data/x" are "meta-data/x".
std::optional<std::string> without_version(const std::string& target) {
  if (!target.starts_with('/')) return std::nullopt;
  const auto slash = target.find('/', 1);
  const std::string version = target.substr(1, slash == std::string::npos ? slash : slash - 1);
  const bool is_date = version.size() == 10 && std::all_of(version.begin(), version.end(),
                                                           [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
  if (version != "latest" && version != "1.0" && !is_date) return std::nullopt;
  return slash == std::string::npos ? std::string() : target.substr(slash + 1);
}

}  // namespace

MetadataService::MetadataService(const Instance& instance) : values_(instance_values(instance)) {}

HttpReply MetadataService::answer(const HttpRequest& request, std::chrono::steady_clock::time_point now) {
  if (request.target == "/latest/api/token") return give_token(request, now);
  if (request.method != "GET") return {405, "text/plain", "", {}};
  if (!is_known(request.header("x-aws-ec2-metadata-token"), now)) return {401, "text/plain", "", {}};
  if (request.target == "/") return {200, "text/plain", "1.0\n2016-09-02\n2018-09-24\n2021-03-23\nlatest", {}};
  const auto path = without_version(request.target);
  return path ? read(*path) : HttpReply{404, "text/plain", "", {}};
}

HttpReply MetadataService::give_token(const HttpRequest& request, std::chrono::steady_clock::time_point now) {
  if (request.method != "PUT") return {405, "text/plain", "", {}};
  // As the real service: a request that came through a proxy gets none.
  if (!request.header("x-forwarded-for").empty()) return {403, "text/plain", "", {}};
  const std::string text = request.header("x-aws-ec2-metadata-token-ttl-seconds");
  const unsigned seconds = parse_number<unsigned>(text).value_or(0);
  if (seconds < 1 || seconds > 21'600) return {400, "text/plain", "", {}};
  if (tokens_.size() >= most_tokens) tokens_.erase(tokens_.begin());
  const std::string token = sha256_hex(fmt::format("token {} {}", tokens_.size(), now.time_since_epoch().count()));
  tokens_[token] = now + std::chrono::seconds(seconds);
  return {200, "text/plain", token, {{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds", text}}};
}

bool MetadataService::is_known(const std::string& token, std::chrono::steady_clock::time_point now) const {
  const auto found = tokens_.find(token);
  return found != tokens_.end() && found->second > now;
}

// A value, or what a folder holds, one name a line; folders in it end with a slash.
HttpReply MetadataService::read(const std::string& path) const {
  if (const auto value = values_.find(path); value != values_.end()) return {200, "text/plain", value->second, {}};
  const std::string folder = path.empty() || path.ends_with('/') ? path : path + "/";
  if (folder == "meta-data/public-keys/") return {200, "text/plain", "0=boot-test", {}};
  std::set<std::string> names;
  for (auto entry = values_.lower_bound(folder); entry != values_.end(); ++entry) {
    if (!boost::algorithm::starts_with(entry->first, folder)) break;
    const auto slash = entry->first.find('/', folder.size());
    names.insert(entry->first.substr(folder.size(), slash == std::string::npos ? slash : slash - folder.size() + 1));
  }
  if (names.empty()) return {404, "text/plain", "", {}};
  return {200, "text/plain", fmt::format("{}", fmt::join(names, "\n")), {}};
}

}  // namespace compose::boot
