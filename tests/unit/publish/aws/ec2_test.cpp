#include "publish/aws/ec2.hpp"

#include <catch2/catch.hpp>

#include "support/botocore_shapes.hpp"

namespace compose::aws {
namespace {

using nlohmann::json;
using test::reply;
using test::ScriptedRegion;
using test::SentRequest;

HttpResponse answer(const std::string& operation, const std::string& content) {
  return reply(200, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + operation +
                        "Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n  <requestId>r</requestId>\n" +
                        content + "</" + operation + "Response>");
}

HttpResponse refusal(const std::string& code) {
  return reply(400,
               "<Response><Errors><Error><Code>" + code + "</Code><Message>m</Message></Error></Errors></Response>");
}

std::string operation_of(const SentRequest& request) {
  const std::string start = "Action=";
  return request.body.substr(start.size(), request.body.find('&') - start.size());
}

// Answers every operation with <return>true</return>.
HttpResponse agree(const SentRequest& request) { return answer(operation_of(request), "<return>true</return>"); }

json tag(const std::string& key, const std::string& value) { return {{"Key", key}, {"Value", value}}; }

RegisterImage image_request() {
  RegisterImage request;
  request.name = "fedora-ecs 42.1";
  request.description = "a & b";
  request.architecture = "x86_64";
  request.root_device_name = "/dev/xvda";
  BlockDevice root;
  root.device_name = "/dev/xvda";
  root.snapshot_id = "snap-1";
  root.volume_type = "gp3";
  root.iops = 4000;
  root.throughput_mib_s = 250;
  root.delete_on_termination = true;
  BlockDevice more;
  more.device_name = "/dev/xvdcz";
  more.size_gib = 22;
  more.delete_on_termination = false;
  more.encrypted = true;
  request.block_devices = {root, more};
  request.boot_mode = "uefi-preferred";
  request.imds_support = "v2.0";
  request.tpm_support = "v2.0";
  request.uefi_data = "QU1aTg==";
  return request;
}

json image_parameters() {
  return {{"Name", "fedora-ecs 42.1"},
          {"Description", "a & b"},
          {"Architecture", "x86_64"},
          {"RootDeviceName", "/dev/xvda"},
          {"VirtualizationType", "hvm"},
          {"EnaSupport", true},
          {"BootMode", "uefi-preferred"},
          {"ImdsSupport", "v2.0"},
          {"TpmSupport", "v2.0"},
          {"UefiData", "QU1aTg=="},
          {"BlockDeviceMappings",
           {{{"DeviceName", "/dev/xvda"},
             {"Ebs",
              {{"SnapshotId", "snap-1"},
               {"VolumeType", "gp3"},
               {"Iops", 4000},
               {"Throughput", 250},
               {"DeleteOnTermination", true}}}},
            {{"DeviceName", "/dev/xvdcz"},
             {"Ebs", {{"VolumeSize", 22}, {"DeleteOnTermination", false}, {"Encrypted", true}}}}}}};
}

constexpr const char* image_xml = R"(<imagesSet><item>
  <imageId>ami-1</imageId><imageState>available</imageState><imageOwnerId>123456789012</imageOwnerId>
  <isPublic>true</isPublic><architecture>x86_64</architecture><name>n</name><description>a &amp; b</description>
  <rootDeviceName>/dev/xvda</rootDeviceName><enaSupport>true</enaSupport><bootMode>uefi-preferred</bootMode>
  <imdsSupport>v2.0</imdsSupport><tpmSupport>v2.0</tpmSupport><virtualizationType>hvm</virtualizationType>
  <creationDate>2024-05-06T07:08:09.000Z</creationDate><deprecationTime>2026-05-06T07:08:00.000Z</deprecationTime>
  <blockDeviceMapping>
    <item><deviceName>/dev/xvda</deviceName><ebs><snapshotId>snap-1</snapshotId><volumeSize>3</volumeSize>
      <volumeType>gp3</volumeType><iops>3000</iops><deleteOnTermination>true</deleteOnTermination>
      <encrypted>false</encrypted></ebs></item>
    <item><deviceName>/dev/sdb</deviceName><virtualName>ephemeral0</virtualName></item>
  </blockDeviceMapping>
  <tagSet><item><key>a</key><value> </value></item></tagSet></item></imagesSet>)";

}  // namespace

TEST_CASE("an image is registered as botocore would register it") {
  ScriptedRegion region([](const SentRequest&) { return answer("RegisterImage", "<imageId>ami-1</imageId>"); });
  Ec2 ec2(region.client);
  RegisterImage request = image_request();
  CHECK(ec2.register_image(request) == "ami-1");
  check_like_botocore(region.transport.requests().at(0), "ec2", "RegisterImage", image_parameters());
  // Models of before 2024 do not know tags here.
  request.tags = {{"a", "1"}};
  ec2.register_image(request);
  const json pairs = form_pairs(region.transport.requests().at(1).body);
  for (const json& expected :
       {json{"TagSpecification.1.ResourceType", "image"}, json{"TagSpecification.1.Tag.1.Key", "a"},
        json{"TagSpecification.1.Tag.1.Value", "1"}}) {
    CHECK(std::count(pairs.begin(), pairs.end(), expected) == 1);
  }
}

TEST_CASE("a snapshot that is too fresh to register is waited for, a name that is taken is told") {
  std::atomic<int> sent{0};
  ScriptedRegion fresh([&](const SentRequest&) {
    return ++sent < 3 ? refusal("InvalidSnapshot.NotFound") : answer("RegisterImage", "<imageId>ami-1</imageId>");
  });
  CHECK(Ec2(fresh.client).register_image(image_request()) == "ami-1");
  ScriptedRegion taken([](const SentRequest&) { return refusal("InvalidAMIName.Duplicate"); });
  CHECK_THROWS_AS(Ec2(taken.client).register_image(image_request()), ServiceError);
  CHECK(taken.transport.requests().size() == 1);
}

TEST_CASE("an image is described with all its attributes") {
  ScriptedRegion region([](const SentRequest&) { return answer("DescribeImages", image_xml); });
  Ec2 ec2(region.client);
  const auto image = ec2.find_image("ami-1");
  REQUIRE(image);
  CHECK(image->image_id == "ami-1");
  CHECK(image->description == "a & b");
  CHECK(image->state == "available");
  CHECK(image->owner_id == "123456789012");
  CHECK(image->is_public);
  CHECK(image->ena_support);
  CHECK(image->boot_mode == "uefi-preferred");
  CHECK(image->imds_support == "v2.0");
  CHECK(image->tpm_support == "v2.0");
  CHECK(image->deprecation_time == "2026-05-06T07:08:00.000Z");
  CHECK(image->tags == Tags{{"a", " "}});
  REQUIRE(image->block_devices.size() == 2);
  CHECK(image->block_devices[0].size_gib == 3U);
  CHECK(image->block_devices[0].iops == 3000U);
  CHECK(image->block_devices[0].delete_on_termination == true);
  CHECK(image->block_devices[0].encrypted == false);
  CHECK(image->block_devices[1].device_name == "/dev/sdb");
  check_like_botocore(region.transport.requests().at(0), "ec2", "DescribeImages",
                      {{"ImageIds", {"ami-1"}}, {"IncludeDeprecated", true}});
  CHECK(ec2.find_own_image("n"));
  CHECK_FALSE(ec2.find_own_image("*"));
  check_like_botocore(region.transport.requests().at(1), "ec2", "DescribeImages",
                      {{"Owners", {"self"}},
                       {"IncludeDeprecated", true},
                       {"Filters", json::array({{{"Name", "name"}, {"Values", {"n"}}}})}});
  CHECK(ec2.own_images_with_tags({{"a", "1"}, {"b", "2"}}).size() == 1);
  check_like_botocore(region.transport.requests().at(3), "ec2", "DescribeImages",
                      {{"Owners", {"self"}},
                       {"IncludeDeprecated", true},
                       {"Filters", {{{"Name", "tag:a"}, {"Values", {"1"}}}, {{"Name", "tag:b"}, {"Values", {"2"}}}}}});
}

TEST_CASE("what is not there is nothing, at once") {
  ScriptedRegion region([](const SentRequest& request) {
    const std::string operation = operation_of(request);
    if (operation == "DescribeLaunchTemplates") return refusal("InvalidLaunchTemplateName.NotFoundException");
    return refusal(operation.find("Image") != std::string::npos ? "InvalidAMIID.NotFound" : "InvalidSnapshot.NotFound");
  });
  Ec2 ec2(region.client);
  CHECK_FALSE(ec2.find_image("ami-1"));
  CHECK_FALSE(ec2.find_snapshot("snap-1"));
  CHECK_FALSE(ec2.deregister_image("ami-1"));
  CHECK_FALSE(ec2.delete_snapshot("snap-1"));
  CHECK_FALSE(ec2.find_launch_template("web"));
  CHECK(region.transport.requests().size() == 5);
  ScriptedRegion denying([](const SentRequest&) { return refusal("UnauthorizedOperation"); });
  CHECK_THROWS_AS(Ec2(denying.client).find_image("ami-1"), ServiceError);
}

TEST_CASE("lists are read page by page, and one that never ends is stopped") {
  std::atomic<int> pages{0};
  ScriptedRegion region([&](const SentRequest& request) {
    CHECK((pages == 0) == (request.body.find("NextToken") == std::string::npos));
    const bool is_last = ++pages == 3;
    return answer("DescribeSnapshots",
                  "<snapshotSet><item><snapshotId>snap-1</snapshotId><status>pending</status><progress>7%</progress>"
                  "<volumeSize>3</volumeSize><encrypted>true</encrypted></item></snapshotSet>" +
                      (is_last ? std::string() : "<nextToken>t" + std::to_string(pages) + "</nextToken>"));
  });
  const auto snapshots = Ec2(region.client).own_snapshots_with_tags({{"a", "1"}});
  REQUIRE(snapshots.size() == 3);
  CHECK(snapshots[0].progress == "7%");
  CHECK(snapshots[0].encrypted);
  check_like_botocore(region.transport.requests().at(0), "ec2", "DescribeSnapshots",
                      {{"OwnerIds", {"self"}}, {"Filters", json::array({{{"Name", "tag:a"}, {"Values", {"1"}}}})}});
  ScriptedRegion endless(
      [](const SentRequest&) { return answer("DescribeSnapshots", "<snapshotSet/><nextToken>again</nextToken>"); });
  CHECK_THROWS_AS(Ec2(endless.client).own_snapshots_with_tags({}), Error);
  CHECK(endless.transport.requests().size() == 2);
}

TEST_CASE("snapshots are asked for by a filter, so that a missing one hides no other") {
  ScriptedRegion region([](const SentRequest&) { return answer("DescribeSnapshots", "<snapshotSet/>"); });
  Ec2(region.client).find_snapshots({"snap-1", "snap-2"});
  check_like_botocore(region.transport.requests().at(0), "ec2", "DescribeSnapshots",
                      {{"Filters", json::array({{{"Name", "snapshot-id"}, {"Values", {"snap-1", "snap-2"}}}})}});
  CHECK(Ec2(region.client).find_snapshots({}).empty());
  CHECK(region.transport.requests().size() == 1);
}

TEST_CASE("launch permissions are added, removed and read") {
  const Permissions some{{"111111111111", "222222222222"}, {"arn:o"}, {"arn:ou"}, true};
  ScriptedRegion region([](const SentRequest& request) {
    if (operation_of(request) != "DescribeImageAttribute") return agree(request);
    return answer("DescribeImageAttribute",
                  "<imageId>ami-1</imageId><launchPermission><item><userId>111111111111</userId></item><item>"
                  "<userId>222222222222</userId></item><item><organizationArn>arn:o</organizationArn></item><item>"
                  "<organizationalUnitArn>arn:ou</organizationalUnitArn></item><item><group>all</group></item>"
                  "</launchPermission>");
  });
  Ec2 ec2(region.client);
  ec2.add_launch_permissions("ami-1", {});
  CHECK(region.transport.requests().empty());
  ec2.add_launch_permissions("ami-1", some);
  ec2.remove_launch_permissions("ami-1", some);
  CHECK(ec2.launch_permissions("ami-1") == some);
  const json list = {{{"UserId", "111111111111"}},
                     {{"UserId", "222222222222"}},
                     {{"OrganizationArn", "arn:o"}},
                     {{"OrganizationalUnitArn", "arn:ou"}},
                     {{"Group", "all"}}};
  const auto requests = region.transport.requests();
  check_like_botocore(requests.at(0), "ec2", "ModifyImageAttribute",
                      {{"ImageId", "ami-1"}, {"Attribute", "launchPermission"}, {"LaunchPermission", {{"Add", list}}}});
  check_like_botocore(
      requests.at(1), "ec2", "ModifyImageAttribute",
      {{"ImageId", "ami-1"}, {"Attribute", "launchPermission"}, {"LaunchPermission", {{"Remove", list}}}});
  check_like_botocore(requests.at(2), "ec2", "DescribeImageAttribute",
                      {{"ImageId", "ami-1"}, {"Attribute", "launchPermission"}});
}

TEST_CASE("permissions of volumes are for accounts and everybody only") {
  ScriptedRegion region([](const SentRequest& request) {
    if (operation_of(request) != "DescribeSnapshotAttribute") return agree(request);
    return answer("DescribeSnapshotAttribute",
                  "<createVolumePermission><item><userId>111111111111</userId></item></createVolumePermission>");
  });
  Ec2 ec2(region.client);
  ec2.add_volume_permissions("snap-1", {{"111111111111"}, {}, {}, true});
  ec2.remove_volume_permissions("snap-1", {{"111111111111"}, {}, {}, false});
  CHECK(ec2.volume_permissions("snap-1") == Permissions{{"111111111111"}, {}, {}, false});
  CHECK_THROWS_AS(ec2.add_volume_permissions("snap-1", {{}, {"arn:o"}, {}, false}), Error);
  const auto requests = region.transport.requests();
  check_like_botocore(requests.at(0), "ec2", "ModifySnapshotAttribute",
                      {{"SnapshotId", "snap-1"},
                       {"Attribute", "createVolumePermission"},
                       {"CreateVolumePermission", {{"Add", {{{"UserId", "111111111111"}}, {{"Group", "all"}}}}}}});
  check_like_botocore(requests.at(2), "ec2", "DescribeSnapshotAttribute",
                      {{"SnapshotId", "snap-1"}, {"Attribute", "createVolumePermission"}});
}

TEST_CASE("deprecation, tags and removal are asked for as botocore would") {
  ScriptedRegion region(agree);
  Ec2 ec2(region.client);
  ec2.enable_image_deprecation("ami-1", *parse_time("2026-05-06T07:08:00Z"));
  ec2.create_tags({"ami-1", "snap-1"}, {{"a", "1"}, {"b", "\xc3\xa4 +"}});
  CHECK(ec2.deregister_image("ami-1"));
  CHECK(ec2.delete_snapshot("snap-1"));
  ec2.create_tags({}, {{"a", "1"}});
  const auto requests = region.transport.requests();
  REQUIRE(requests.size() == 4);
  check_like_botocore(requests.at(0), "ec2", "EnableImageDeprecation",
                      {{"ImageId", "ami-1"}, {"DeprecateAt", "2026-05-06T07:08:00Z"}});
  check_like_botocore(requests.at(1), "ec2", "CreateTags",
                      {{"Resources", {"ami-1", "snap-1"}}, {"Tags", {tag("a", "1"), tag("b", "\xc3\xa4 +")}}});
  check_like_botocore(requests.at(2), "ec2", "DeregisterImage", {{"ImageId", "ami-1"}});
  check_like_botocore(requests.at(3), "ec2", "DeleteSnapshot", {{"SnapshotId", "snap-1"}});
}

TEST_CASE("launch templates get a new version, which becomes the default") {
  ScriptedRegion region([](const SentRequest& request) {
    const std::string operation = operation_of(request);
    const std::string version =
        "<versionNumber>4</versionNumber><defaultVersion>false</defaultVersion><versionDescription>d</"
        "versionDescription>"
        "<launchTemplateData><imageId>ami-1</imageId></launchTemplateData>";
    if (operation == "CreateLaunchTemplateVersion") {
      return answer(operation, "<launchTemplateVersion>" + version + "</launchTemplateVersion>");
    }
    if (operation == "DescribeLaunchTemplateVersions") {
      return answer(operation, "<launchTemplateVersionSet><item>" + version + "</item></launchTemplateVersionSet>");
    }
    return answer(operation,
                  "<launchTemplates><item><launchTemplateId>lt-1</launchTemplateId><launchTemplateName>web"
                  "</launchTemplateName><defaultVersionNumber>3</defaultVersionNumber><latestVersionNumber>4"
                  "</latestVersionNumber></item></launchTemplates>");
  });
  Ec2 ec2(region.client);
  const auto found = ec2.find_launch_template("web");
  REQUIRE(found);
  CHECK(found->id == "lt-1");
  CHECK(found->latest_version == 4);
  ec2.find_launch_template("lt-1");
  CHECK(ec2.create_launch_template_version({"lt-1", "$Latest", "ami-1", "d", "token"}).number == 4);
  ec2.set_default_launch_template_version("lt-1", 4);
  CHECK(ec2.launch_template_versions("lt-1", {"$Default"}).at(0).image_id == "ami-1");
  const auto requests = region.transport.requests();
  check_like_botocore(requests.at(0), "ec2", "DescribeLaunchTemplates", {{"LaunchTemplateNames", {"web"}}});
  check_like_botocore(requests.at(1), "ec2", "DescribeLaunchTemplates", {{"LaunchTemplateIds", {"lt-1"}}});
  check_like_botocore(requests.at(2), "ec2", "CreateLaunchTemplateVersion",
                      {{"LaunchTemplateId", "lt-1"},
                       {"SourceVersion", "$Latest"},
                       {"ClientToken", "token"},
                       {"VersionDescription", "d"},
                       {"LaunchTemplateData", {{"ImageId", "ami-1"}}}});
  check_like_botocore(requests.at(3), "ec2", "ModifyLaunchTemplate",
                      {{"LaunchTemplateId", "lt-1"}, {"DefaultVersion", "4"}});
  check_like_botocore(requests.at(4), "ec2", "DescribeLaunchTemplateVersions",
                      {{"LaunchTemplateId", "lt-1"}, {"Versions", {"$Default"}}});
}

TEST_CASE("images that make no sense are errors") {
  for (const char* content :
       {"<imagesSet><item><imageState>x</imageState></item></imagesSet>",
        "<imagesSet><item><imageId>ami-1</imageId></item></imagesSet>",
        "<imagesSet><item><imageId>a</imageId><imageState>x</imageState><isPublic>maybe</isPublic></item></imagesSet>",
        "<imagesSet><item><imageId>a</imageId><imageState>x</imageState><blockDeviceMapping><item><ebs>"
        "<volumeSize>-1</volumeSize></ebs></item></blockDeviceMapping></item></imagesSet>",
        "<imagesSet><item>", "</x>"}) {
    INFO(content);
    ScriptedRegion region([&](const SentRequest&) { return answer("DescribeImages", content); });
    CHECK_THROWS_AS(Ec2(region.client).find_image("ami-1"), Error);
  }
  ScriptedRegion other([](const SentRequest&) { return answer("DescribeSnapshots", ""); });
  CHECK_THROWS_AS(Ec2(other.client).find_image("ami-1"), Error);
}

}  // namespace compose::aws
