#pragma once
// Partitions, regions and where a service listens (docs.aws.amazon.com/general/latest/gr/rande.html; region patterns as
// in botocore's partitions.json).

#include <string>
#include <string_view>

#include "publish/aws/surroundings.hpp"

namespace compose::aws {

struct Partition {
  std::string_view name;        // "aws", "aws-cn", "aws-us-gov", …: the second field of its ARNs
  std::string_view dns_suffix;  // "amazonaws.com", "amazonaws.com.cn", …
  std::string_view example;     // a region of it
};

// The partition that `region` belongs to by its name: regions are known by pattern, so that a new one needs no new
// release. Throws Error(input) for what no partition's pattern takes, naming the nearest known region.
const Partition& partition_of(std::string_view region);

enum class Service { ebs, ec2, ssm, sts, s3 };
// The name in endpoints and signatures: "ebs".
std::string_view name_of(Service service);

struct Endpoint {
  std::string scheme;      // "https" or "http"
  std::string authority;   // host, with ":port" where it is not the scheme's own
  std::string base_path;   // "" or "/prefix" without a trailing slash
  bool is_custom = false;  // not AWS's own address: S3 addresses buckets by path

  std::string origin() const { return scheme + "://" + authority; }
};

// Where services listen. One rule: the URL of --endpoint-url stands for all services; without it
// AWS_ENDPOINT_URL_<SERVICE> (EBS, EC2, SSM, STS, S3), then AWS_ENDPOINT_URL, then the region's own address.
// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true leaves the variables out.
class Endpoints {
 public:
  // `override_url`: --endpoint-url, empty for none. Throws Error(usage) for an override, Error(input) for a variable,
  // that is not http[s]://HOST[:PORT][/PATH].
  explicit Endpoints(const Environment& environment, const std::string& override_url = {});

  // Throws Error(input) for an unknown region; where a URL is configured any name of [a-z0-9-] will do, because stores
  // that speak S3 name regions as they like.
  Endpoint of(Service service, const std::string& region) const;

 private:
  std::map<Service, Endpoint> custom_;
};

}  // namespace compose::aws
