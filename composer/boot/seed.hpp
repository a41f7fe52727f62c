#pragma once
// The guest's instance data: a NoCloud seed (cloud-init's doc/rtd/reference/datasources/nocloud), as an operator's user
// data would be, plus a unit by which the guest describes itself on its second serial port (guest_report.hpp).

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "support/path.hpp"

namespace compose::boot {

struct SeedContent {
  std::string cluster;
  std::string control_plane_url;         // as the guest reaches it
  std::vector<std::string> directories;  // paths to describe
  std::string container;
  std::string image;      // empty: no ordinary container is run
  std::string deploy_os;  // with deploy_rev: deploy that again, with second_deployment_karg, and reboot
  std::string deploy_rev;
  std::chrono::seconds patience{200};  // uptime to wait for what ought to come, where the control plane does not answer
};

inline constexpr const char* second_deployment_karg = "atomic-compose.boot-test=2";

// "#cloud-config …". Appends to /etc/ecs/ecs.config as users' own data does, so the image must let the last value win.
// Throws Error(input) when a value has a control character.
std::string user_data(const SeedContent& content);

// The same for every run, so that cloud-init sees one instance over reboots.
std::string meta_data();

// Writes the seed as a FAT image with the volume label CIDATA. Replaces `image`.
void write_seed(const fs::path& image, const SeedContent& content);

// 'text' quoted for a POSIX shell.
std::string shell_quoted(std::string_view text);

}  // namespace compose::boot
