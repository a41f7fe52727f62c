// The strict AWS endpoint as the other tests use it.

#include <catch2/catch.hpp>

#include <fstream>

#include <nlohmann/json.hpp>

#include "support/aws_endpoint.hpp"

#include "support/file.hpp"

using namespace compose;
using compose::test::AwsEndpoint;
using nlohmann::json;

namespace {

constexpr std::size_t block_size = 512 * 1024;

std::string base64_of_sha256(const fs::path& file) {
  return run_checked({"/usr/bin/python3", "-c",
                      "import base64,hashlib,sys;print(end=base64.b64encode(hashlib.sha256("
                      "open(sys.argv[1],'rb').read()).digest()).decode())",
                      file.string()});
}

std::string block_of(const fs::path& volume, std::size_t index) {
  std::ifstream stream(volume.string(), std::ios::binary);
  std::string data(block_size, '\0');
  stream.seekg(static_cast<std::streamoff>(index * block_size)).read(data.data(), block_size);
  return data;
}

}  // namespace

TEST_CASE("what awscli writes to the AWS endpoint outlives the endpoint and comes out as a raw file") {
  const TemporaryDirectory folder{fs::temp_directory_path(), "aws-endpoint-test-"};
  AwsEndpoint endpoint(folder.path() / "aws");
  const fs::path block = folder.path() / "block";
  write_file_atomically(block, std::string(block_size, 'b'));
  const std::string snapshot =
      json::parse(endpoint.aws("eu-central-1", {"ebs", "start-snapshot", "--volume-size", "1"})).at("SnapshotId");
  endpoint.aws("eu-central-1", {"ebs", "put-snapshot-block", "--snapshot-id", snapshot, "--block-index", "2",
                                "--block-data", block.string(), "--data-length", std::to_string(block_size),
                                "--checksum", base64_of_sha256(block), "--checksum-algorithm", "SHA256"});
  endpoint.aws("eu-central-1", {"ebs", "complete-snapshot", "--snapshot-id", snapshot, "--changed-blocks-count", "1"});

  endpoint.stop();
  endpoint.start();

  const json state = json::parse(endpoint.state());
  CHECK(state.at("/regions/eu-central-1/snapshots"_json_pointer).at(snapshot).at("state") == "completed");
  const fs::path volume = folder.path() / "volume";
  endpoint.materialise("eu-central-1", snapshot, volume);
  CHECK(fs::file_size(volume) == 1024ULL * 1024 * 1024);
  CHECK(block_of(volume, 1) == std::string(block_size, '\0'));
  CHECK(block_of(volume, 2) == std::string(block_size, 'b'));
}

TEST_CASE("a fault of the AWS endpoint is what its client sees, and wrong faults are refused") {
  const TemporaryDirectory folder{fs::temp_directory_path(), "aws-endpoint-test-"};
  const AwsEndpoint endpoint(folder.path() / "aws");
  endpoint.set_faults(
      R"({"script": [{"kind": "error", "service": "ec2", "nth": 1, "code": "UnauthorizedOperation"}]})");
  CHECK_THROWS_WITH(endpoint.aws("us-east-1", {"ec2", "describe-regions"}), Catch::Contains("UnauthorizedOperation"));
  CHECK_THROWS_WITH(endpoint.set_faults(R"({"rates": [{"kind": "explode"}]})"), Catch::Contains("explode"));
}
