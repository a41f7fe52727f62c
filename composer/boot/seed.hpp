#pragma once
// The guest's instance data, as an operator's user data would be, plus a unit by which the guest describes itself on
// its second serial port (guest_report.hpp); and a NoCloud seed to hold it (cloud-init's
// doc/rtd/reference/datasources/nocloud).

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "boot/boot_test.hpp"
#include "support/path.hpp"

namespace compose::boot {

struct SeedContent {
  std::string cluster;
  std::string control_plane_url;         // as the guest reaches it
  std::string metadata_url;              // of a metadata service that is not at its real address; empty: it is
  std::vector<std::string> directories;  // paths to describe
  std::vector<std::string> assertions;   // commands that have to succeed
  bool expects_registration = true;
  bool network_rules = false;  // ports are to be tried
  std::string runtime = "docker";
  std::string container;  // empty: the agent is none
  std::string unit;       // empty: the agent is in a container
  std::string image;      // empty: no ordinary container is run
  std::string deploy_os;  // with deploy_rev: deploy that again, with second_deployment_karg, and reboot
  std::string deploy_rev;
  std::string upgrade_remote;  // with deploy_os: upgrade from upgrade_url, reboot, go back, reboot
  std::string upgrade_url;
  std::vector<std::string> refused_urls;  // first try these
  std::chrono::seconds patience{200};  // uptime to wait for what ought to come, where the control plane does not answer
};

inline constexpr const char* second_deployment_karg = "atomic-compose.boot-test=2";

// "#cloud-config …", or a shell script as AWS's documentation has it. Appends to /etc/ecs/ecs.config as users' own data
// does, so the image must let the last value win. Throws Error(input) when a value has a control character.
std::string user_data(const SeedContent& content, UserData form = UserData::cloud_config);

// The same for every run, so that cloud-init sees one instance over reboots.
std::string meta_data();

// What the default user's authorized_keys has to hold afterwards. Nobody has the private key.
inline constexpr const char* public_key =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGF0b21pYy1jb21wb3NlIGJvb3QgdGVzdCBvbmx5ICEh boot-test";

// Writes the seed as a FAT image with the volume label CIDATA. Replaces `image`.
void write_seed(const fs::path& image, const SeedContent& content, UserData form = UserData::cloud_config);

// 'text' quoted for a POSIX shell.
std::string shell_quoted(std::string_view text);

}  // namespace compose::boot
