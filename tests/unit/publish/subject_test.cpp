#include "publish/subject.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::publish {
namespace {

Subject subject_of(const std::string& version) {
  return make_subject("demo", version, "x86_64", "c0ffee", "demo.raw", {3ULL << 29U, {{0, zero_block()}}});
}

recipe::Recipe recipe_with(const recipe::PublishAws& aws) {
  recipe::Recipe recipe;
  recipe.name = "demo";
  recipe.summary = "A host";
  recipe.publish.aws = aws;
  return recipe;
}

TEST_CASE("templates are filled in") {
  CHECK(expand("/a/{name}/{version}/{arch}/{version}", subject_of("1.0")) == "/a/demo/1.0/x86_64/1.0");
  CHECK(image_name({}, subject_of("1.0")) == "demo-1.0-x86_64");
}

TEST_CASE("what cannot be an image's name in EC2 is said before anything is sent") {
  CHECK_THROWS_WITH(image_name({}, subject_of("1.0+git")), Catch::Contains("'demo-1.0+git-x86_64' cannot be"));
  recipe::PublishAws aws;
  aws.image_name = std::string(120, 'a') + "-{version}-{name}";
  CHECK_THROWS_AS(image_name(aws, subject_of("1.0")), Error);
}

TEST_CASE("the digest stands for names and blocks, not for where the file is or which commit it has") {
  Subject one = subject_of("1.0");
  CHECK(make_subject("demo", "1.0", "x86_64", "", "elsewhere", one.blocks).digest == one.digest);
  CHECK(subject_of("1.1").digest != one.digest);
  ImageBlocks other = one.blocks;
  other.blocks[0].index = 1;
  CHECK(make_subject("demo", "1.0", "x86_64", "c0ffee", "demo.raw", other).digest != one.digest);
}

TEST_CASE("an image is registered as the recipe says, volumes and all") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  write_file_atomically(folder.path() / "uefi", "QU1aTlVFRkk=\n");
  recipe::PublishAws aws;
  aws.boot_mode = "uefi";
  aws.tpm = true;
  aws.uefi_data = folder.path() / "uefi";
  aws.root_size_bytes = 8ULL << 30U;
  aws.tags = {{"team", "hosts"}};
  recipe::Recipe recipe = recipe_with(aws);
  recipe.disk.volumes.push_back({"/dev/xvdcz", 22ULL << 30U, "container-storage", "ext4"});
  const aws::RegisterImage request = image_request(recipe, subject_of("1.0"), "snap-1");
  CHECK(request.name == "demo-1.0-x86_64");
  CHECK(request.description == "A host");
  CHECK(request.boot_mode == "uefi");
  CHECK(request.imds_support == "v2.0");
  CHECK(request.tpm_support == "v2.0");
  CHECK(request.uefi_data == "QU1aTlVFRkk=");
  REQUIRE(request.block_devices.size() == 2);
  CHECK(request.block_devices[0].snapshot_id == "snap-1");
  CHECK(request.block_devices[0].size_gib == 8U);
  CHECK(request.block_devices[1].device_name == "/dev/xvdcz");
  CHECK(request.block_devices[1].size_gib == 22U);
  CHECK(request.block_devices[1].snapshot_id.empty());
  CHECK(request.tags.at("team") == "hosts");
  CHECK(request.tags.at("Name") == "demo-1.0-x86_64");
  CHECK(request.tags.at("atomic-compose:commit") == "c0ffee");
}

TEST_CASE("a root volume is not smaller than its image") {
  recipe::PublishAws aws;
  CHECK(root_gib(aws, subject_of("1").blocks) == 2);
  aws.root_size_bytes = 1ULL << 30U;
  CHECK_THROWS_WITH(root_gib(aws, subject_of("1").blocks),
                    Catch::Contains("root-size is 1 GiB, but the image has 2 GiB"));
}

TEST_CASE("a snapshot is shared with accounts and everybody, an image with organizations, too") {
  const recipe::LaunchPermissions launch{true, {"111122223333"}, {"arn:o"}, {"arn:ou"}};
  CHECK(permissions_of(launch) == aws::Permissions{{"111122223333"}, {"arn:o"}, {"arn:ou"}, true});
  CHECK(volume_permissions_of(launch) == aws::Permissions{{"111122223333"}, {}, {}, true});
}

}  // namespace
}  // namespace compose::publish
