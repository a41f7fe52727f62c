#include "publish/aws/partition.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::aws {

TEST_CASE("a region's partition is known by its name, that of a region to come too") {
  CHECK(partition_of("eu-central-1").name == "aws");
  CHECK(partition_of("ap-southeast-99").name == "aws");
  CHECK(partition_of("cn-northwest-1").name == "aws-cn");
  CHECK(partition_of("us-gov-east-1").name == "aws-us-gov");
  CHECK(partition_of("us-iso-east-1").name == "aws-iso");
  CHECK(partition_of("us-isob-east-1").name == "aws-iso-b");
  CHECK(partition_of("eu-isoe-west-1").name == "aws-iso-e");
  CHECK(partition_of("us-isof-south-1").name == "aws-iso-f");
  CHECK(partition_of("eusc-de-east-1").name == "aws-eusc");
}

TEST_CASE("a name that is no region's is refused, and the nearest one told") {
  for (const char* name : {"", "-", "eu", "eu-central", "eu-central-1a", "eu--1", "-central-1", "xx-central-1",
                           "eu-central-1.evil.example", "us-gov-x-east-1", "eu_central_1", "EU-central-1"}) {
    INFO(name);
    CHECK_THROWS_AS(partition_of(name), Error);
  }
  try {
    partition_of("eu-centrall-1x");
    FAIL();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    CHECK(error.hint() == "the nearest that is known: eu-central-1");
  }
}

TEST_CASE("services listen at their partition's addresses") {
  const Endpoints endpoints(Environment{});
  CHECK(endpoints.of(Service::ebs, "eu-central-1").origin() == "https://ebs.eu-central-1.amazonaws.com");
  CHECK(endpoints.of(Service::ec2, "cn-north-1").origin() == "https://ec2.cn-north-1.amazonaws.com.cn");
  CHECK(endpoints.of(Service::s3, "us-gov-west-1").origin() == "https://s3.us-gov-west-1.amazonaws.com");
  CHECK(endpoints.of(Service::sts, "us-iso-east-1").origin() == "https://sts.us-iso-east-1.c2s.ic.gov");
  CHECK_FALSE(endpoints.of(Service::ssm, "us-east-1").is_custom);
}

TEST_CASE("what --endpoint-url says goes before a service's variable, that before the one of all") {
  const Environment environment{{"AWS_ENDPOINT_URL", "http://all:80/x/"},
                                {"AWS_ENDPOINT_URL_S3", "https://store:9000"}};
  const Endpoints from_environment(environment);
  const Endpoint all = from_environment.of(Service::ec2, "auto");
  CHECK(all.origin() == "http://all");
  CHECK(all.base_path == "/x");
  CHECK(all.is_custom);
  CHECK(from_environment.of(Service::s3, "auto").origin() == "https://store:9000");
  const Endpoints overridden(environment, "http://[::1]:1234");
  CHECK(overridden.of(Service::s3, "eu-west-1").origin() == "http://[::1]:1234");
  Environment ignoring = environment;
  ignoring["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  CHECK_FALSE(Endpoints(ignoring).of(Service::s3, "eu-west-1").is_custom);
  CHECK_THROWS_AS(from_environment.of(Service::s3, "../x"), Error);
}

TEST_CASE("an address that is none is refused") {
  for (const char* url :
       {"localhost:80", "ftp://x", "http://", "http://a b", "http://x/?a=1", "http://user@host", "://"}) {
    INFO(url);
    CHECK_THROWS_AS(Endpoints({}, url), Error);
    CHECK_THROWS_AS(Endpoints(Environment{{"AWS_ENDPOINT_URL_EBS", url}}), Error);
  }
}

}  // namespace compose::aws
