#include "boot/metadata_service.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace compose::boot;
using nlohmann::json;

namespace {

struct Service {
  std::chrono::steady_clock::time_point now;
  MetadataService metadata{[] {
    Instance instance;
    instance.address = "169.254.169.15";
    instance.public_key = "ssh-ed25519 KEY";
    instance.user_data = "#cloud-config\n";
    return instance;
  }()};

  HttpReply token(const std::string& seconds) {
    return metadata.answer({"PUT", "/latest/api/token", {{"x-aws-ec2-metadata-token-ttl-seconds", seconds}}, ""}, now);
  }
  HttpReply get(const std::string& path, const std::string& with_token) {
    return metadata.answer({"GET", path, {{"x-aws-ec2-metadata-token", with_token}}, ""}, now);
  }
  std::string read(const std::string& path) {
    const auto reply = get(path, token("60").body);
    CHECK(reply.status == 200);
    return reply.body;
  }
};

}  // namespace

TEST_CASE("instance metadata needs a token that is known and still good") {
  Service service;
  CHECK(service.metadata.answer({"GET", "/latest/meta-data/", {}, ""}, service.now).status == 401);
  CHECK(service.get("/latest/meta-data/instance-id", "guessed").status == 401);
  const auto token = service.token("60");
  CHECK(token.status == 200);
  CHECK(token.headers.at("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "60");
  CHECK(service.get("/latest/meta-data/instance-id", token.body).status == 200);
  service.now += std::chrono::seconds(61);
  CHECK(service.get("/latest/meta-data/instance-id", token.body).status == 401);
}

TEST_CASE("a token is given to a PUT with a time of life only") {
  Service service;
  for (const char* seconds : {"", "0", "21601", "-1", "60s", "99999999999"})
    CHECK(service.token(seconds).status == 400);
  CHECK(service.token("21600").status == 200);
  CHECK(service.token("60").body != service.token("60").body);
  CHECK(service.metadata.answer({"GET", "/latest/api/token", {}, ""}, service.now).status == 405);
  CHECK(service.metadata
            .answer({"PUT",
                     "/latest/api/token",
                     {{"x-aws-ec2-metadata-token-ttl-seconds", "60"}, {"x-forwarded-for", "10.0.0.1"}},
                     ""},
                    service.now)
            .status == 403);
}

TEST_CASE("a guest that asks for tokens without end is given them, and the first are forgotten") {
  Service service;
  for (int i = 0; i < 3000; ++i) CHECK(service.token("60").status == 200);
  CHECK(service.get("/latest/user-data", service.token("60").body).status == 200);
}

TEST_CASE("instance metadata is there under every version, folders as lists") {
  Service service;
  for (const char* version : {"latest", "2021-03-23", "2009-04-04", "1.0"}) {
    CHECK(service.read(std::string("/") + version + "/meta-data/instance-id").starts_with("i-"));
  }
  CHECK(service.read("/").find("2021-03-23") != std::string::npos);
  CHECK(service.read("/latest") == "dynamic/\nmeta-data/\nuser-data");
  CHECK(service.read("/latest/meta-data/placement/") == "availability-zone\navailability-zone-id\nregion");
  CHECK(service.read("/latest/meta-data/placement") == "availability-zone\navailability-zone-id\nregion");
  CHECK(service.read("/latest/meta-data/public-keys/") == "0=boot-test");
  CHECK(service.read("/latest/meta-data/public-keys/0/") == "openssh-key");
  CHECK(service.read("/latest/meta-data/public-keys/0/openssh-key") == "ssh-ed25519 KEY");
  CHECK(service.read("/latest/user-data") == "#cloud-config\n");
  const std::string mac = service.read("/latest/meta-data/mac");
  CHECK(service.read("/latest/meta-data/network/interfaces/macs/") == mac + "/");
  CHECK(service.read("/latest/meta-data/network/interfaces/macs/" + mac + "/vpc-id").starts_with("vpc-"));
  CHECK(service.read("/latest/meta-data/network/interfaces/macs/" + mac + "/subnet-id").starts_with("subnet-"));
}

TEST_CASE("the identity document and the role's credentials are what the SDKs read") {
  Service service;
  const json document = json::parse(service.read("/latest/dynamic/instance-identity/document"));
  CHECK(document.at("instanceId") == service.read("/latest/meta-data/instance-id"));
  CHECK(document.at("region") == "us-east-1");
  CHECK(document.at("privateIp") == "169.254.169.15");
  CHECK_FALSE(service.read("/latest/dynamic/instance-identity/signature").empty());
  const std::string role = service.read("/latest/meta-data/iam/security-credentials/");
  const json credentials = json::parse(service.read("/latest/meta-data/iam/security-credentials/" + role));
  CHECK(credentials.at("Code") == "Success");
  for (const char* member : {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"})
    CHECK(credentials.contains(member));
}

TEST_CASE("what is not there is not found, and there is no other method") {
  Service service;
  const std::string token = service.token("60").body;
  for (const char* path : {"/latest/meta-data/nothing", "/never/meta-data/", "/latest/meta-data/instance-id/x", "x", "",
                           "/latest/meta-data/outpost-arn", "//", "/latest/meta-data/../user-data"}) {
    INFO(path);
    CHECK(service.get(path, token).status == 404);
  }
  CHECK(service.metadata.answer({"POST", "/latest/user-data", {{"x-aws-ec2-metadata-token", token}}, ""}, service.now)
            .status == 405);
}
