// What a publisher that was killed leaves behind, or whose answers were lost: each case on its own. By the hundred and
// at random: publish_faults.py.

#include <set>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "support/aws_endpoint.hpp"
#include "support/program.hpp"
#include "support/scratch_disk.hpp"

namespace compose::tests {
namespace {

using nlohmann::json;

constexpr const char* region = "eu-central-1";

// A small disk that is published to one region.
class Publisher {
 public:
  Publisher() {
    for (const auto& partition : {disk_.geometry.esp, disk_.geometry.boot, disk_.geometry.root})
      disk_.format(partition, "ext4", {"-q", "-O", "^has_journal", "-N", "16"});
    write_recipe("1.0");
  }

  void write_recipe(const std::string& version, const std::string& more = "") const {
    write_file_atomically(disk_.folder.path() / "recipe.toml",
                          fmt::format("[recipe]\nname = \"small\"\nversion = \"{}\"\nref = \"test/small\"\n"
                                      "[base]\nrepo = \"base\"\nref = \"test/base\"\nverify = \"none\"\n"
                                      "[sign]\nkey = \"env:TEST_KEY\"\n[publish.aws]\nregions = [\"{}\"]\n{}",
                                      version, region, more));
  }
  // Outside of partitions, where everything counts.
  void change_image() const { disk_.write(40U << 10U, "another image"); }

  std::vector<std::string> command(std::vector<std::string> words = {}) const {
    const std::string recipe = (disk_.folder.path() / "recipe.toml").string();
    if (words.empty()) {
      words = {"--image", disk_.image.string(), recipe};
    } else {
      words.insert(words.begin() + 1, recipe);
    }
    words.insert(words.begin(), "publish");
    words.insert(words.end(), {"--workspace", (disk_.folder.path() / "workspace").string(), "--endpoint-url",
                               endpoint.url(), "--json"});
    return words;
  }
  ProcessResult run(const std::vector<std::string>& words = {}) const {
    return compose(command(words), endpoint.environment());
  }
  // The region's part of the report.
  json publish() const {
    const ProcessResult result = run();
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return json::parse(result.out)["regions"][0];
  }
  // The publisher gets no answer to its first call of `operation`, which is performed (hang_after) or not (hang), and
  // is killed while it waits for one.
  void killed_at(const std::string& operation, const std::string& kind) const {
    endpoint.set_faults(fmt::format(R"({{"script": [{{"operation": "{}", "kind": "{}", "nth": 1, "seconds": 60}}]}})",
                                    operation, kind));
    std::vector<std::string> words = command();
    words.insert(words.begin(), program);
    auto environment = endpoint.environment();
    environment["TEST_KEY"] = test_key;
    Child child(words, {environment, {}, disk_.folder.path() / "killed.log"});
    REQUIRE(wait_until([&] { return calls(operation) == 1; }));
    ::kill(child.pid(), SIGKILL);
    child.wait();
    endpoint.clear_faults();
  }

  std::size_t calls(const std::string& operation) const {
    const std::string log = endpoint.admin("GET", "log");
    std::size_t count = 0;
    const std::string wanted = fmt::format("\"operation\": \"{}\"", operation);
    for (auto at = log.find(wanted); at != std::string::npos; at = log.find(wanted, at + 1)) ++count;
    return count;
  }
  json aws(std::vector<std::string> arguments) const {
    const std::string out = endpoint.aws(region, std::move(arguments));
    return out.empty() ? json() : json::parse(out);
  }
  // By another client, behind the publisher's back.
  void put_block(const std::string& snapshot, int index) const {
    const fs::path file = disk_.folder.path() / "block";
    const std::string data(512U << 10U, 'x');
    write_file_atomically(file, data);
    aws({"ebs", "put-snapshot-block", "--snapshot-id", snapshot, "--block-index", std::to_string(index), "--block-data",
         file.string(), "--data-length", std::to_string(data.size()), "--checksum-algorithm", "SHA256", "--checksum",
         sign::to_base64(Sha256().update(data).finish())});
  }
  std::set<std::string> snapshots() const {
    return ids("describe-snapshots", "--owner-ids", "Snapshots", "SnapshotId");
  }
  std::set<std::string> images() const { return ids("describe-images", "--owners", "Images", "ImageId"); }

  // The launch template's default version.
  json template_default() const {
    return aws({"ec2", "describe-launch-templates", "--launch-template-names",
                "workers"})["LaunchTemplates"][0]["DefaultVersionNumber"];
  }

 private:
  ScratchDisk disk_{512U << 20U};

 public:
  test::AwsEndpoint endpoint{disk_.folder.path() / "aws"};

 private:
  std::set<std::string> ids(const char* command, const char* whose, const char* list, const char* id) const {
    std::set<std::string> found;
    const json answer = aws({"ec2", command, whose, "self"});
    for (const json& one : answer[list]) found.insert(one[id].get<std::string>());
    return found;
  }
};

TEST_CASE("a snapshot whose start nobody heard of is the publisher's own when it is started again") {
  const Publisher publisher;
  publisher.killed_at("StartSnapshot", "hang_after");
  const std::set<std::string> started = publisher.snapshots();
  REQUIRE(started.size() == 1);
  SECTION("the same is wanted: it is used") {
    CHECK(publisher.publish()["snapshot"] == *started.begin());
    CHECK(publisher.snapshots() == started);
  }
  SECTION("the image has changed: it is deleted") {
    publisher.change_image();
    const json report = publisher.publish();
    CHECK(publisher.snapshots() == std::set<std::string>{report["snapshot"]});
    CHECK_FALSE(started.contains(report["snapshot"]));
  }
  SECTION("the recipe has changed: it is deleted") {
    publisher.write_recipe("1.0", "[publish.aws.tags]\nteam = \"others\"\n");
    const json report = publisher.publish();
    CHECK(publisher.snapshots() == std::set<std::string>{report["snapshot"]});
    CHECK_FALSE(started.contains(report["snapshot"]));
  }
}

TEST_CASE("a snapshot that was begun on a parent which is gone is begun again without it") {
  const Publisher publisher;
  const json first = publisher.publish();
  publisher.change_image();
  publisher.write_recipe("1.1");
  publisher.endpoint.admin("DELETE", "log");
  publisher.killed_at("StartSnapshot", "hang");
  publisher.aws({"ec2", "deregister-image", "--image-id", first["image"]});
  publisher.aws({"ec2", "delete-snapshot", "--snapshot-id", first["snapshot"]});
  const json second = publisher.publish();
  CHECK(second["parent"] == "");
  CHECK_THAT(second["why_full"].get<std::string>(), Catch::Contains("is gone"));
  CHECK(publisher.snapshots() == std::set<std::string>{second["snapshot"]});
}

TEST_CASE("a completion whose answer was lost counts, however long the snapshot takes after it") {
  const Publisher publisher;
  publisher.endpoint.set(R"({"snapshot_completes_after_describes": 2})");
  publisher.endpoint.set_faults(R"({"script": [{"operation": "CompleteSnapshot", "kind": "drop_after", "nth": 1}]})");
  const json report = publisher.publish();
  CHECK(publisher.calls("StartSnapshot") == 1);
  CHECK(publisher.calls("CompleteSnapshot") == 2);
  CHECK(publisher.snapshots() == std::set<std::string>{report["snapshot"]});
}

TEST_CASE("a snapshot that has other blocks than the ledger says is begun again") {
  const Publisher publisher;
  publisher.killed_at("CompleteSnapshot", "hang");
  const std::string spoiled = *publisher.snapshots().begin();
  publisher.put_block(spoiled, 900);
  const ProcessResult result = publisher.run();
  CHECK(result.exit_code == 0);
  CHECK_THAT(result.err, Catch::Contains(spoiled + ": has other blocks than the ledger says"));
  CHECK(publisher.snapshots().size() == 1);
  CHECK_FALSE(publisher.snapshots().contains(spoiled));
  CHECK(publisher.run({"verify", "--blocks"}).exit_code == 0);
}

TEST_CASE("a snapshot that never became an image is built on, then deleted") {
  const Publisher publisher;
  publisher.killed_at("RegisterImage", "hang");
  const std::set<std::string> left = publisher.snapshots();
  REQUIRE(left.size() == 1);
  publisher.change_image();
  const json report = publisher.publish();
  CHECK(report["parent"] == *left.begin());
  CHECK(publisher.snapshots() == std::set<std::string>{report["snapshot"]});
  CHECK(publisher.run({"verify", "--blocks"}).exit_code == 0);
}

TEST_CASE("an image whose registration nobody heard of can be retired after the next one is published") {
  const Publisher publisher;
  publisher.killed_at("RegisterImage", "hang_after");
  REQUIRE(publisher.images().size() == 1);
  publisher.change_image();
  publisher.write_recipe("1.1");
  const json report = publisher.publish();
  CHECK(publisher.images().size() == 2);
  CHECK(publisher.run({"retire", "--version", "1.0", "--yes"}).exit_code == 0);
  CHECK(publisher.images() == std::set<std::string>{report["image"]});
  CHECK(publisher.snapshots() == std::set<std::string>{report["snapshot"]});
}

TEST_CASE("publishing an older version again rolls no launch template back") {
  const Publisher publisher;
  publisher.aws({"ec2", "create-launch-template", "--launch-template-name", "workers", "--launch-template-data",
                 R"({"InstanceType": "m5.large"})"});
  const std::string rolling =
      fmt::format("launch-template-default = true\n[publish.aws.launch-templates]\n{} = \"workers\"\n", region);
  publisher.write_recipe("1.0", rolling);
  publisher.publish();
  CHECK(publisher.template_default() == 2);
  publisher.write_recipe("1.1", rolling);
  publisher.publish();
  CHECK(publisher.template_default() == 3);
  publisher.write_recipe("1.0", rolling);
  publisher.publish();
  CHECK(publisher.template_default() == 3);
  CHECK(publisher.calls("CreateLaunchTemplateVersion") == 2);
}

}  // namespace
}  // namespace compose::tests
