#include "boot/seed.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/algorithm/string/trim.hpp>
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
  return setting("runtime", content.runtime) + setting("container", content.container) + setting("unit", content.unit) +
         setting("image", content.image) + setting("registers", content.expects_registration ? "yes" : "no") +
         setting("rules", content.network_rules ? "yes" : "no") + setting("public_key", public_key) +
         setting("url", content.control_plane_url) + setting("deploy_os", content.deploy_os) +
         setting("deploy_rev", content.deploy_rev) + setting("upgrade_remote", content.upgrade_remote) +
         setting("upgrade_url", content.upgrade_url) + fmt::format("patience={}\n", content.patience.count());
}

std::string lines_of(const char* what, const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) {
    check_printable(what, text);
    lines += text + "\n";
  }
  return lines;
}

struct File {
  std::string path;
  std::string content;
};

// The lines that people's own user data adds to the agent's configuration.
std::string agent_settings(const SeedContent& content) {
  check_printable("cluster", content.cluster);
  std::string lines = fmt::format("ECS_CLUSTER={}\nECS_BACKEND_HOST={}\nECS_IMAGE_PULL_BEHAVIOR=prefer-cached\n",
                                  content.cluster, content.control_plane_url);
  if (!content.metadata_url.empty()) lines += "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + content.metadata_url + "\n";
  return lines;
}

std::vector<File> own_files(const SeedContent& content) {
  const auto own = [](const char* name) { return fmt::format("{}/{}", guest_directory, name); };
  return {{own("settings"), settings(content)},
          {own("directories"), lines_of("directory", content.directories)},
          {own("assertions"), lines_of("assertion", content.assertions)},
          {own("refused"), lines_of("address", content.refused_urls)},
          {own("describe"), guest_script},
          {fmt::format("/etc/systemd/system/{}", guest_unit_name), guest_unit}};
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

std::string cloud_config(const SeedContent& content) {
  std::string text =
      "#cloud-config\nwrite_files:\n" + file_entry("/etc/ecs/ecs.config", "  append: true\n", agent_settings(content));
  for (const File& file : own_files(content)) text += file_entry(file.path, "", file.content);
  return text + fmt::format("runcmd:\n- [systemctl, daemon-reload]\n- [systemctl, enable, --now, --no-block, {}]\n",
                            guest_unit_name);
}

std::string script(const SeedContent& content) {
  std::string text = "#!/bin/bash\n";
  std::vector<std::string> lines;
  const std::string wanted = boost::algorithm::trim_right_copy(agent_settings(content));
  boost::algorithm::split(lines, wanted, [](char c) { return c == '\n'; });
  for (const std::string& line : lines) text += fmt::format("echo {} >> /etc/ecs/ecs.config\n", shell_quoted(line));
  text += fmt::format("mkdir -p {}\n", guest_directory);
  for (const File& file : own_files(content)) {
    text += fmt::format("cat > {} <<'END-OF-FILE'\n{}END-OF-FILE\n", file.path, file.content);
  }
  // As scripts for the vendor's own image do, but waiting for it: the agent's start must not wait for user data then.
  text += "systemctl restart ecs.service\n";
  return text + fmt::format("systemctl daemon-reload\nsystemctl enable --now --no-block {}\n", guest_unit_name);
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

std::string user_data(const SeedContent& content, UserData form) {
  return form == UserData::script ? script(content) : cloud_config(content);
}

std::string meta_data() {
  return fmt::format("instance-id: atomic-compose-boot-test\nlocal-hostname: boot-test\npublic-keys:\n- {}\n",
                     public_key);
}

void write_seed(const fs::path& image, const SeedContent& content, UserData form) {
  const TemporaryDirectory work(image.parent_path(), "seed-");
  write_file_atomically(work.path() / "user-data", user_data(content, form));
  write_file_atomically(work.path() / "meta-data", meta_data());
  fs::remove(image);
  run_checked({"mkfs.vfat", "--invariant", "-n", "CIDATA", "-C", image.string(), size_kib});
  run_checked({"mcopy", "-i", image.string(), (work.path() / "user-data").string(),
               (work.path() / "meta-data").string(), "::"});
}

}  // namespace compose::boot
