#pragma once
// What the single values of a recipe must look like. Pure: text in, problem out.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace compose::recipe {

// What is wrong with a value and what it should be, for people; nothing when it is right.
using Problem = std::optional<std::string>;

Problem problem_with_name(std::string_view value);     // [recipe] name
Problem problem_with_version(std::string_view value);  // [recipe] version
Problem problem_with_ref(std::string_view value);      // an OSTree ref (ostree_validate_rev, without "REMOTE:")
Problem problem_with_url(std::string_view value);      // an http(s) OSTree repository
Problem problem_with_cluster(std::string_view value);  // an ECS cluster's name
Problem problem_with_runtime(std::string_view value);  // of containers
Problem problem_with_variable(std::string_view name, std::string_view value);  // one of [agent.environment]
Problem problem_with_stateroot(std::string_view value);
Problem problem_with_remote(std::string_view value);  // an OSTree remote's name
Problem problem_with_format(std::string_view value);  // of a disk
Problem problem_with_karg(std::string_view value);    // a kernel argument
Problem problem_with_volume_device(std::string_view value);
Problem problem_with_volume_use(std::string_view value);
Problem problem_with_volume_filesystem(std::string_view value);
Problem problem_with_unit(std::string_view value);          // a unit's whole name (systemd.unit(5))
Problem problem_with_package_name(std::string_view value);  // an RPM's, without version
Problem problem_with_mode(std::string_view value);          // "0755"
Problem problem_with_key_source(std::string_view value);    // [sign] key; never repeats the value, which may be a key

// What problem_with_mode() accepts, as a number; 0 for anything else.
std::uint32_t mode_of(std::string_view value);

bool has_control_characters(std::string_view text);
// Of letters, digits and these only, and not empty.
bool consists_of(std::string_view text, std::string_view punctuation);

// Whether `path` is `folder` or below it.
bool is_within(std::string_view path, std::string_view folder);

// "8 GiB" in bytes. Without a value `problem` says why.
std::optional<std::uint64_t> size_in_bytes(std::string_view value, std::string& problem);

// The base64 text of 32 bytes: an Ed25519 public key as `keygen` and `ostree sign` write it.
bool is_ed25519_public_key(std::string_view value);
// The same of 64 bytes: a secret one.
bool is_ed25519_secret_key(std::string_view value);

// Where the path is in an image's name that has one ("oci:PATH:TAG"); both 0 in others.
struct ImagePath {
  std::size_t begin = 0;
  std::size_t end = 0;
};
Problem problem_with_image(std::string_view value, ImagePath& path);

}  // namespace compose::recipe
