// Publishing through the real program, against the strict endpoint; read back by awscli.

#include <chrono>
#include <csignal>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "support/aws_endpoint.hpp"
#include "support/program.hpp"
#include "support/same_content.hpp"

namespace compose::tests {
namespace {

using nlohmann::json;

constexpr std::uint64_t block_bytes = 512U << 10U;

const std::string wanted = R"(
[publish.aws]
regions = ["us-east-1", "eu-central-1", "us-gov-west-1"]
description = "A small host"
boot-mode = "uefi"
tpm = true
root-size = "4 GiB"
accounts = ["444455556666", "777788889999"]
organizations = ["arn:aws:organizations::123456789012:organization/o-abcde12345"]
deprecate-after-days = 700
parameters = ["/hosts/{name}/{version}/image_id", "/hosts/latest"]

[publish.aws.tags]
team = "hosts & more"

[publish.aws.launch-templates]
eu-central-1 = "workers"

[[disk.volume]]
device = "/dev/xvdcz"
size = "22 GiB"
use = "/var/lib/data"
)";

// A small project that is published to an endpoint of its own.
class Published {
 public:
  explicit Published(const std::string& settings = "{}") : endpoint(project.folder() / "aws", settings) {
    // What a host with a volume has to have.
    for (const char* program : {"bin/python3", "bin/blkid", "bin/mount", "sbin/mkfs.ext4"})
      project.write(std::string("overlays/host/usr/") + program, "");
    write_recipe("1.0");
    make_launch_template();
  }

  void write_recipe(const std::string& version, const std::string& publish = wanted) const {
    std::string recipe = project.recipe();
    recipe.replace(recipe.find("\"1.0\""), 5, "\"" + version + "\"");
    project.write("recipe.toml", recipe + publish);
  }

  // A file of the overlay: what differs from version to version.
  void write_content(const std::string& content) const {
    project.write("overlays/host/usr/share/hello/hello.txt", content);
  }

  std::vector<std::string> command(std::vector<std::string> words) const {
    const bool has_subcommand = !words.empty() && !words.front().starts_with("--");
    words.insert(words.begin() + (has_subcommand ? 1 : 0), project.recipe_file().string());
    words.insert(words.begin(), "publish");
    for (const char* folder : {"workspace", "out"}) {
      words.push_back(std::string("--") + folder);
      words.push_back((project.folder() / folder).string());
    }
    words.insert(words.end(), {"--endpoint-url", endpoint.url()});
    return words;
  }
  ProcessResult run(const std::vector<std::string>& words = {}) const {
    return compose(command(words), endpoint.environment());
  }
  json run_json(std::vector<std::string> words = {}, int expected = 0) const {
    words.emplace_back("--json");
    const ProcessResult result = run(words);
    INFO(result.err);
    REQUIRE(result.exit_code == expected);
    return json::parse(result.out);
  }
  json aws(const std::string& region, const std::vector<std::string>& arguments) const {
    const std::string out = endpoint.aws(region, arguments);
    return out.empty() ? json() : json::parse(out);
  }

  fs::path image(const std::string& version) const {
    return project.folder() / "out" / fmt::format("small-{}.raw", version);
  }
  // Whether a snapshot holds the image, byte for byte, and zeros behind it.
  bool reads_back(const json& region, const std::string& version) const {
    const fs::path file = project.folder() / "read-back.raw";
    endpoint.materialise(region["region"], region["snapshot"], file);
    return same_content(file, image(version));
  }
  // Operations that the endpoint took, as "ebs:StartSnapshot".
  std::multiset<std::string> calls() const {
    std::multiset<std::string> names;
    std::istringstream lines(endpoint.admin("GET", "log"));
    for (std::string line; std::getline(lines, line);) {
      const json entry = json::parse(line);
      names.insert(fmt::format("{}:{}", entry.value("service", ""), entry.value("operation", "")));
    }
    return names;
  }
  void forget_calls() const { endpoint.admin("DELETE", "log"); }

  SmallProject project;
  test::AwsEndpoint endpoint;

 private:
  void make_launch_template() const {
    aws("eu-central-1", {"ec2", "create-launch-template", "--launch-template-name", "workers", "--launch-template-data",
                         R"({"InstanceType": "m5.large", "ImageId": "ami-00000000000000000"})"});
  }
};

const json& region_of(const json& report, const std::string& name) {
  for (const json& region : report["regions"]) {
    if (region["region"] == name) return region;
  }
  throw std::runtime_error("no region " + name);
}

std::set<std::string> values(const json& list, const std::string& key) {
  std::set<std::string> found;
  for (const json& one : list) {
    if (one.contains(key)) found.insert(one[key].get<std::string>());
  }
  return found;
}

bool changes_something(const std::string& call) {
  for (const char* verb : {":Get", ":Describe", ":List"}) {
    if (call.find(verb) != std::string::npos) return false;
  }
  return true;
}

TEST_CASE("three regions have the image as the recipe says, read back by awscli") {
  const Published published;
  const json report = published.run_json();
  REQUIRE(report["regions"].size() == 3);
  for (const json& region : report["regions"]) {
    INFO(region.dump());
    CHECK(region["released"] == true);
    CHECK(region["parent"] == "");
    CHECK(published.reads_back(region, "1.0"));
  }
  published.run_json({"verify"});
  for (const char* name : {"us-east-1", "us-gov-west-1"}) {
    const json& region = region_of(report, name);
    const std::string ami = region["image"];
    const json image = published.aws(name, {"ec2", "describe-images", "--image-ids", ami})["Images"][0];
    CHECK(image["Name"] == "small-1.0-x86_64");
    CHECK(image["Description"] == "A small host");
    CHECK(image["Architecture"] == "x86_64");
    CHECK(image["BootMode"] == "uefi");
    CHECK(image["TpmSupport"] == "v2.0");
    CHECK(image["ImdsSupport"] == "v2.0");
    CHECK(image["EnaSupport"] == true);
    CHECK(image["State"] == "available");
    CHECK(image["RootDeviceName"] == "/dev/xvda");
    CHECK(image["DeprecationTime"].get<std::string>().size() > 10);
    CHECK(values(image["Tags"], "Value").contains("hosts & more"));
    CHECK(values(image["Tags"], "Key").contains("atomic-compose:commit"));
    REQUIRE(image["BlockDeviceMappings"].size() == 2);
    const json& root = image["BlockDeviceMappings"][0];
    CHECK(root["Ebs"]["SnapshotId"] == region["snapshot"]);
    CHECK(root["Ebs"]["VolumeSize"] == 4);
    CHECK(image["BlockDeviceMappings"][1]["DeviceName"] == "/dev/xvdcz");
    CHECK(image["BlockDeviceMappings"][1]["Ebs"]["VolumeSize"] == 22);

    const json launch =
        published.aws(name, {"ec2", "describe-image-attribute", "--image-id", ami, "--attribute", "launchPermission"});
    CHECK(values(launch["LaunchPermissions"], "UserId") == std::set<std::string>{"444455556666", "777788889999"});
    CHECK(values(launch["LaunchPermissions"], "OrganizationArn").size() == 1);
    const json volumes = published.aws(name, {"ec2", "describe-snapshot-attribute", "--snapshot-id", region["snapshot"],
                                              "--attribute", "createVolumePermission"});
    CHECK(values(volumes["CreateVolumePermissions"], "UserId") ==
          std::set<std::string>{"444455556666", "777788889999"});
    for (const char* parameter : {"/hosts/small/1.0/image_id", "/hosts/latest"}) {
      const json found = published.aws(name, {"ssm", "get-parameter", "--name", parameter});
      CHECK(found["Parameter"]["Value"] == ami);
      CHECK(found["Parameter"]["DataType"] == "aws:ec2:image");
    }
  }
  const json versions = published.aws("eu-central-1", {"ec2", "describe-launch-template-versions",
                                                       "--launch-template-name", "workers", "--versions", "$Latest"});
  const json& latest = versions["LaunchTemplateVersions"][0];
  CHECK(latest["VersionNumber"] == 2);
  CHECK(latest["LaunchTemplateData"]["ImageId"] == region_of(report, "eu-central-1")["image"]);
  CHECK(latest["LaunchTemplateData"]["InstanceType"] == "m5.large");
  CHECK(latest["DefaultVersion"] == false);

  published.forget_calls();
  const json again = published.run_json();
  CHECK(region_of(again, "us-east-1")["image"] == region_of(report, "us-east-1")["image"]);
  for (const std::string& call : published.calls()) {
    INFO(call);
    CHECK_FALSE(changes_something(call));
  }
}

TEST_CASE("the plan needs no credentials and no network, and says what publishing then sends") {
  const Published published;
  ProcessResult result = compose(published.command({"--plan", "--json"}),
                                 {{"AWS_CONFIG_FILE", "/dev/null"}, {"AWS_SHARED_CREDENTIALS_FILE", "/dev/null"}});
  REQUIRE(result.exit_code == 0);
  const json plan = json::parse(result.out);
  CHECK(published.calls().size() == 1);  // that of the launch template
  const json report = published.run_json();
  for (const json& region : report["regions"]) {
    const json& planned = region_of(plan, region["region"]);
    CHECK(planned["bytes"] == region["bytes_sent"]);
    CHECK(planned["why_full"] == "nothing was published here before");
    CHECK(planned["calls"].size() >= 8);
  }
  const json rest = published.run_json({"--plan"});
  for (const json& region : rest["regions"]) CHECK(region["calls"].empty());
}

TEST_CASE("a new version sends what changed, on top of the last one, and reads back whole") {
  const Published published;
  published.write_content(std::string(6 * block_bytes, 'x'));
  const json first = published.run_json();
  published.write_content("small again\n");
  published.write_recipe("1.1");
  const json second = published.run_json();
  for (const json& region : second["regions"]) {
    INFO(region.dump());
    CHECK(region["parent"] == region_of(first, region["region"])["snapshot"]);
    CHECK(region["blocks_sent"].get<int>() < region_of(first, region["region"])["blocks_sent"].get<int>() / 3);
    CHECK(published.reads_back(region, "1.1"));  // what the large file had is zeros again
    CHECK(published.reads_back(region_of(first, region["region"]), "1.0"));
  }
  const json verdict = published.run_json({"verify", "--blocks"});
  for (const json& region : verdict["regions"]) CHECK(region["right"] == true);
}

TEST_CASE("without its parent a version is sent whole, and the report says why") {
  const Published published;
  const json first = published.run_json();
  const json& lost = region_of(first, "us-east-1");
  published.aws("us-east-1", {"ec2", "deregister-image", "--image-id", lost["image"]});
  published.aws("us-east-1", {"ec2", "delete-snapshot", "--snapshot-id", lost["snapshot"]});
  published.write_content("another\n");
  published.write_recipe("1.1");
  const json second = published.run_json();
  const json& region = region_of(second, "us-east-1");
  CHECK(region["parent"] == "");
  CHECK_THAT(region["why_full"].get<std::string>(), Catch::Contains("is gone"));
  CHECK(region["blocks_sent"] == lost["blocks_sent"]);
  CHECK(published.reads_back(region, "1.1"));
  CHECK(region_of(second, "eu-central-1")["parent"] == region_of(first, "eu-central-1")["snapshot"]);
}

TEST_CASE("a region that fails stops no other, and nobody learns of an image until all regions have one") {
  const Published published;
  published.endpoint.set_faults(
      R"({"script": [{"region": "eu-central-1", "operation": "RegisterImage", "kind": "error", "nth": 1, "times": 9, "code": "UnauthorizedOperation", "status": 403}]})");
  const json report = published.run_json({}, 1);
  CHECK_THAT(region_of(report, "eu-central-1")["error"]["message"].get<std::string>(),
             Catch::Contains("UnauthorizedOperation"));
  CHECK_THAT(region_of(report, "eu-central-1")["error"]["hint"].get<std::string>(),
             Catch::Contains("ec2:RegisterImage"));
  for (const char* name : {"us-east-1", "us-gov-west-1"}) {
    const json& region = region_of(report, name);
    CHECK(region["image"].get<std::string>().starts_with("ami-"));
    CHECK(region["released"] == false);
    CHECK_THROWS(published.aws(name, {"ssm", "get-parameter", "--name", "/hosts/latest"}));
    CHECK(published
              .aws(name, {"ec2", "describe-image-attribute", "--image-id", region["image"], "--attribute",
                          "launchPermission"})["LaunchPermissions"]
              .empty());
  }
  SECTION("once it works, only what is missing is done") {
    published.endpoint.clear_faults();
    const json after = published.run_json();
    for (const json& region : after["regions"]) {
      CHECK(region["released"] == true);
      CHECK(region["blocks_sent"] == 0);
    }
    CHECK(region_of(after, "us-east-1")["image"] == region_of(report, "us-east-1")["image"]);
  }
  SECTION("the regions that have it can be named") {
    const json after = published.run_json({"--region", "us-east-1", "--region", "us-gov-west-1"});
    CHECK(after["regions"].size() == 2);
    CHECK(region_of(after, "us-east-1")["released"] == true);
  }
}

TEST_CASE("what publishing would fail at in the end is said before anything is sent") {
  const Published published;
  SECTION("a launch template that is not there") {
    published.aws("eu-central-1", {"ec2", "create-launch-template", "--launch-template-name", "others",
                                   "--launch-template-data", R"({"InstanceType": "m5.large"})"});
    std::string recipe = wanted;
    recipe.replace(recipe.find("\"workers\""), 9, "\"worker\"");
    published.write_recipe("1.0", recipe);
    const ProcessResult result = published.run();
    CHECK(result.exit_code == 3);
    CHECK_THAT(result.err, Catch::Contains("eu-central-1: there is no launch template 'worker'"));
  }
  SECTION("a name that another image has") {
    const json first = published.run_json();
    fs::remove_all(published.project.folder() / "workspace/ledger");
    published.forget_calls();
    const ProcessResult result = published.run();
    CHECK(result.exit_code == 3);
    CHECK_THAT(result.err, Catch::Contains("there is another image of the name 'small-1.0-x86_64', " +
                                           region_of(first, "us-east-1")["image"].get<std::string>()));
    CHECK(published.calls().count("ebs:PutSnapshotBlock") == 0);
  }
  SECTION("no credentials") {
    auto environment = published.endpoint.environment();
    environment["AWS_ACCESS_KEY_ID"] = environment["AWS_SECRET_ACCESS_KEY"] = "";
    const ProcessResult result = compose(published.command({}), environment);
    CHECK(result.exit_code == 3);
    CHECK_THAT(result.err, Catch::Contains("AWS_ACCESS_KEY_ID") && Catch::Contains("hint:"));
  }
  SECTION("a region that the recipe does not have") {
    const ProcessResult result = published.run({"--region", "eu-west-1"});
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::Contains("'eu-west-1' is not one of the recipe's regions"));
  }
}

TEST_CASE("verify finds what was changed behind our back, and tells it from what is only more") {
  const Published published;
  const json report = published.run_json();
  const std::string ami = region_of(report, "us-east-1")["image"];
  const auto change = [&](const std::vector<std::string>& words) { published.aws("us-east-1", words); };
  change({"ec2", "modify-image-attribute", "--image-id", ami, "--launch-permission", "Remove=[{UserId=444455556666}]"});
  change({"ec2", "modify-image-attribute", "--image-id", ami, "--launch-permission", "Add=[{UserId=123412341234}]"});
  change({"ec2", "create-tags", "--resources", ami, "--tags", "Key=team,Value=somebody"});
  change({"ssm", "delete-parameter", "--name", "/hosts/latest"});
  const json verdict = published.run_json({"verify"}, 5);
  const json& region = region_of(verdict, "us-east-1");
  const auto differences = region["differences"].get<std::set<std::string>>();
  CHECK(differences == std::set<std::string>{"the image is not open to account 444455556666",
                                             "tag 'team' of the image is 'somebody', not 'hosts & more'",
                                             "there is no parameter /hosts/latest"});
  CHECK(region["notes"][0] == "the image is open to account 123412341234, which the recipe does not ask for");
  CHECK(region_of(verdict, "eu-central-1")["right"] == true);
  published.run_json();
  const json mended = published.run_json({"verify"}, 5);
  CHECK(region_of(mended, "us-east-1")["differences"].size() == 1);  // tags are set once, with the image
}

TEST_CASE("a parameter moves from testing to stable, in all regions or none, and an older version moves none back") {
  const Published published;
  published.run_json();
  published.write_content("two\n");
  published.write_recipe("1.1");
  const json second = published.run_json();
  const auto value = [&](const std::string& name) {
    return published.aws("us-east-1", {"ssm", "get-parameter", "--name", name})["Parameter"]["Value"];
  };
  published.run_json({"promote", "/hosts/stable", "--version", "1.0"});
  CHECK(value("/hosts/stable") != region_of(second, "us-east-1")["image"]);
  const json moved = published.run_json({"promote", "/hosts/stable", "--from", "/hosts/latest"});
  CHECK(moved["version"] == "1.1");
  CHECK(value("/hosts/stable") == region_of(second, "us-east-1")["image"]);

  published.write_content("hello\n");
  published.write_recipe("1.0");
  const ProcessResult older = published.run();
  CHECK(older.exit_code == 0);
  CHECK_THAT(older.err, Catch::Contains("parameter /hosts/latest has") && Catch::Contains("a later image: left so"));
  CHECK(value("/hosts/latest") == region_of(second, "us-east-1")["image"]);

  const ProcessResult unknown = published.run({"promote", "/hosts/stable", "--version", "3.0"});
  CHECK(unknown.exit_code == 3);
  CHECK_THAT(unknown.err, Catch::Contains("version '3.0' was not published") && Catch::Contains("1.0, 1.1"));
}

TEST_CASE("retire takes away what is ours and led to by nothing, after asking") {
  const Published published;
  const json first = published.run_json();
  published.write_content("two\n");
  published.write_recipe("1.1");
  published.run_json();
  const auto images = [&](const std::string& region) {
    return published.aws(region, {"ec2", "describe-images", "--owners", "self"})["Images"].size();
  };
  SECTION("not when nobody can be asked") {
    const ProcessResult result = published.run({"retire", "--version", "1.0"});
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::Contains("say --yes") &&
                               Catch::Contains(region_of(first, "us-east-1")["image"].get<std::string>()));
    CHECK(images("us-east-1") == 2);
  }
  SECTION("not what a parameter leads to") {
    const ProcessResult result = published.run({"retire", "--version", "1.1", "--yes"});
    CHECK(result.exit_code == 3);
    CHECK_THAT(result.err, Catch::Contains("parameter /hosts/latest leads to"));
    CHECK(images("us-east-1") == 2);
  }
  SECTION("an older version, with the parameter that names it, in every region") {
    const json report = published.run_json({"retire", "--version", "1.0", "--yes"});
    for (const json& region : report["regions"]) {
      CHECK(region["done"] == true);
      CHECK(images(region["region"]) == 1);
      CHECK(published.aws(region["region"], {"ec2", "describe-snapshots", "--owner-ids", "self"})["Snapshots"].size() ==
            1);
    }
    CHECK_THROWS(published.aws("us-east-1", {"ssm", "get-parameter", "--name", "/hosts/small/1.0/image_id"}));
    const json status = published.run_json({"status"});
    CHECK(status["images"][0]["regions"][0]["state"] == "retired");
    CHECK(published.run_json({"verify"})["regions"].size() == 3);
  }
}

TEST_CASE("a publisher that was killed or stopped goes on at its block, and its snapshot is the same one") {
  const Published published;
  published.write_content(std::string(64 * block_bytes, 'x'));
  published.endpoint.set_faults(
      R"({"rates": [{"operation": "PutSnapshotBlock", "kind": "slow", "seconds": 0.2, "rate": 1.0}]})");
  const int signal = GENERATE(SIGKILL, SIGINT);
  {
    Child child(
        [&] {
          std::vector<std::string> words = published.command({});
          words.insert(words.begin(), program);
          return words;
        }(),
        {[&] {
           auto environment = published.endpoint.environment();
           environment["TEST_KEY"] = test_key;
           return environment;
         }(),
         {},
         published.project.folder() / "killed.log"});
    REQUIRE(wait_until([&] { return published.calls().count("ebs:PutSnapshotBlock") > 120; }));
    ::kill(child.pid(), signal);
    const int code = child.wait();
    CHECK(code == (signal == SIGKILL ? 128 + SIGKILL : 1));
  }
  published.endpoint.clear_faults();
  const auto sent_before = published.calls().count("ebs:PutSnapshotBlock");
  const json report = published.run_json();
  std::uint64_t sent = 0;
  std::uint64_t all = 0;
  for (const json& region : report["regions"]) {
    CHECK(published.reads_back(region, "1.0"));
    sent += region["blocks_sent"].get<std::uint64_t>();
    all += region["blocks"].get<std::uint64_t>();
  }
  CHECK(sent + 50 < all);
  CHECK(published.calls().count("ebs:StartSnapshot") == 3);
  CHECK(sent_before > 120);
  CHECK(published.calls().count("ebs:PutSnapshotBlock") == sent_before + sent);
}

TEST_CASE("two publishers of one recipe do not get in each other's way") {
  const Published published;
  published.run_json({"--plan"});  // built now
  std::vector<std::thread> threads;
  std::array<ProcessResult, 2> results;
  for (ProcessResult& result : results) threads.emplace_back([&] { result = published.run(); });
  for (std::thread& thread : threads) thread.join();
  for (const ProcessResult& result : results) CHECK(result.exit_code == 0);
  CHECK(published.calls().count("ebs:StartSnapshot") == 3);
  CHECK(published.calls().count("ec2:RegisterImage") == 3);
}

TEST_CASE("a file that somebody else built is published as it is") {
  const Published published;
  published.run_json({"--plan"});
  const fs::path moved = published.project.folder() / "elsewhere.raw";
  fs::copy_file(published.image("1.0"), moved);
  fs::remove_all(published.project.folder() / "base");
  fs::remove_all(published.project.folder() / "workspace");
  const json report = published.run_json({"--image", moved.string(), "--region", "us-east-1"});
  CHECK(report["commit"] == "");
  CHECK(published.reads_back(report["regions"][0], "1.0"));
}

}  // namespace
}  // namespace compose::tests
