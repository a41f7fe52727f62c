#include "boot/seed.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/filesystem/operations.hpp>

#include "boot/guest_script.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::boot {
namespace {

constexpr const char* size_kib = "1024";

void check_printable(const std::string& what, const std::string& value) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(value.begin(), value.end(), is_control)) {
    throw Error(ErrorKind::input, fmt::format("boot test: the {} '{}' has a control character", what, value));
  }
}

std::string setting(const std::string& name, const std::string& value) {
  check_printable(name, value);
  return name + "=" + shell_quoted(value) + "\n";
}

std::string settings(const SeedContent& content) {
  return setting("container", content.container) + setting("image", content.image) +
         setting("url", content.control_plane_url) + setting("deploy_os", content.deploy_os) +
         setting("deploy_rev", content.deploy_rev) + fmt::format("patience={}\n", content.patience.count());
}

std::string path_lines(const std::vector<std::string>& paths) {
  std::string lines;
  for (const std::string& path : paths) {
    check_printable("directory", path);
    lines += path + "\n";
  }
  return lines;
}

// One entry of write_files, its content as a YAML literal block (yaml.org/spec/1.2.2, 8.1.2), which needs no escapes.
// "|2" names the indentation, so that a content may start with spaces.
std::string file_entry(const std::string& path, const std::string& attributes, const std::string& content) {
  std::string entry = fmt::format("- path: {}\n{}  content: |2\n", path, attributes);
  std::vector<std::string> lines;
  boost::algorithm::split(lines, content, [](char c) { return c == '\n'; });
  if (lines.back().empty()) lines.pop_back();
  for (const std::string& line : lines) entry += line.empty() ? "\n" : "    " + line + "\n";
  return entry;
}

}  // namespace

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  quoted += '\'';
  return quoted;
}

std::string user_data(const SeedContent& content) {
  check_printable("cluster", content.cluster);
  const auto own_file = [](const char* name, const std::string& text) {
    return file_entry(fmt::format("{}/{}", guest_directory, name), "", text);
  };
  return "#cloud-config\nwrite_files:\n" +
         file_entry("/etc/ecs/ecs.config", "  append: true\n",
                    fmt::format("ECS_CLUSTER={}\nECS_BACKEND_HOST={}\n", content.cluster, content.control_plane_url)) +
         own_file("settings", settings(content)) + own_file("directories", path_lines(content.directories)) +
         own_file("describe", guest_script) +
         file_entry(fmt::format("/etc/systemd/system/{}", guest_unit_name), "", guest_unit) +
         fmt::format("runcmd:\n- [systemctl, daemon-reload]\n- [systemctl, enable, --now, --no-block, {}]\n",
                     guest_unit_name);
}

std::string meta_data() { return "instance-id: atomic-compose-boot-test\nlocal-hostname: boot-test\n"; }

void write_seed(const fs::path& image, const SeedContent& content) {
  const TemporaryDirectory work(image.parent_path(), "seed-");
  write_file_atomically(work.path() / "user-data", user_data(content));
  write_file_atomically(work.path() / "meta-data", meta_data());
  fs::remove(image);
  run_checked({"mkfs.vfat", "--invariant", "-n", "CIDATA", "-C", image.string(), size_kib});
  run_checked({"mcopy", "-i", image.string(), (work.path() / "user-data").string(),
               (work.path() / "meta-data").string(), "::"});
}

}  // namespace compose::boot
