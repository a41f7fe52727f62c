#pragma once
// What is published: one image of a recipe, and what EC2 shall know about it. Pure.

#include <string>
#include <vector>

#include "publish/aws/ec2.hpp"
#include "publish/image_blocks.hpp"
#include "recipe/recipe.hpp"
#include "support/path.hpp"

namespace compose::publish {

struct Subject {
  std::string name;  // the recipe's
  std::string version;
  std::string arch;
  std::string commit;  // empty where it is not known
  fs::path raw;
  ImageBlocks blocks;
  std::string digest;  // stands for all of this in the ledger: SHA-256 of names and blocks
};

// With the digest of the rest.
Subject make_subject(std::string name, std::string version, std::string arch, std::string commit, fs::path raw,
                     ImageBlocks blocks);

// A template of the recipe, filled in.
std::string expand(const std::string& text, const Subject& subject);

// The AMI's name. Throws Error(input) where the recipe's values make no valid one (EC2, RegisterImage, "Name").
std::string image_name(const recipe::PublishAws& wanted, const Subject& subject);

// The names of the parameters that get the image's id.
std::vector<std::string> parameter_names(const recipe::PublishAws& wanted, const Subject& subject);

// The recipe's tags and those by which the publisher's own are known.
aws::Tags tags_of(const recipe::PublishAws& wanted, const Subject& subject);

aws::Permissions permissions_of(const recipe::LaunchPermissions& launch);

// What of them a snapshot can have: accounts and everybody.
aws::Permissions volume_permissions_of(const recipe::LaunchPermissions& launch);

// All that RegisterImage is told. Reads the file with the UEFI data. Throws Error(input).
aws::RegisterImage image_request(const recipe::Recipe& recipe, const Subject& subject, const std::string& snapshot_id);

// Whole GiB: the image's size, or what the recipe asks for, which must not be less (Error(input)).
std::uint32_t root_gib(const recipe::PublishAws& wanted, const ImageBlocks& image);

}  // namespace compose::publish
