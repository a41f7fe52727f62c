#include <chrono>
#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "boot/boot_test.hpp"
#include "build/signing_key.hpp"
#include "cli/expectations.hpp"
#include "cli/recipe_option.hpp"
#include "support/error.hpp"

namespace compose::cli {
namespace {

struct TestOptions {
  fs::path target;
  std::string firmware = "bios";
  bool second_deployment = false;
  unsigned timeout_s = 300;
  fs::path logs;
  std::uint64_t grow_gib = 0;
  std::string bus = "virtio";
  std::string datasource = "nocloud";
  std::string user_data = "cloud-config";
  bool restart_control_plane = false;
};

boot::BootTest common_part(const TestOptions& options, const Common& common) {
  boot::BootTest test;
  test.firmware = options.firmware == "uefi" ? boot::Firmware::uefi : boot::Firmware::bios;
  test.bus = options.bus == "nvme" ? boot::Bus::nvme : boot::Bus::virtio;
  test.datasource = options.datasource == "ec2" ? boot::Datasource::ec2 : boot::Datasource::nocloud;
  test.user_data = options.user_data == "script" ? boot::UserData::script : boot::UserData::cloud_config;
  test.restart_control_plane = options.restart_control_plane;
  test.second_deployment = options.second_deployment;
  test.timeout = std::chrono::seconds(options.timeout_s);
  test.log_directory = options.logs.empty() ? common.out / ("boot-" + options.firmware) : options.logs;
  if (options.grow_gib > 0) test.disk_size_bytes = options.grow_gib << 30U;
  return test;
}

// Builds what is not built yet, and tests exactly that.
boot::BootTest test_of_recipe(const TestOptions& options, const Common& common, Events& events) {
  const recipe::Recipe recipe = recipe::load(options.target);
  if (recipe.agents.empty())
    throw Error(ErrorKind::input, fmt::format("'{}' has no [agent]: nothing would register", options.target.string()));
  build::Workspace workspace = open_workspace(common, events);
  const lock::Lock lock = lock_of(recipe, workspace, events);
  const sign::SecretKey key = build::signing_key(recipe.sign, events);
  const build::BuildReport built =
      build::run_build(recipe, lock, key, workspace, {common.workspace, common.out, build::Goal::disk}, events);
  boot::BootTest test = common_part(options, common);
  test.disk = built.disks.front().path;
  test.format = built.disks.front().format;
  test.commit = built.commit;
  test.ref = built.ref;
  test.stateroot = recipe.disk.stateroot;
  expect_agents(test, recipe.agents, ostree::Tree(workspace.repository(), built.commit));
  return test;
}

boot::BootTest test_of_image(const TestOptions& options, const Common& common) {
  boot::BootTest test = common_part(options, common);
  test.disk = options.target;
  test.format = options.target.extension() == ".qcow2" ? "qcow2" : "raw";
  test.cluster = "under-test";
  return test;
}

int test_target(const TestOptions& options, const Common& common) {
  const auto events = common.make_events();
  const boot::BootTest test =
      options.target.extension() == ".toml" ? test_of_recipe(options, common, *events) : test_of_image(options, common);
  const boot::BootReport report = boot::run_boot_test(test, *events);
  if (common.json) {
    fmt::print("{}\n", boot::to_json(report).dump());
    if (!report.passed) fmt::print(stderr, "{}", boot::describe(report));
  } else {
    fmt::print("{}", boot::describe(report));
  }
  if (!report.passed) fmt::print(stderr, "hint: the logs are in {}\n", test.log_directory.string());
  return report.passed ? 0 : static_cast<int>(ErrorKind::failed);
}

}  // namespace

Action add_test(CLI::App& command) {
  auto options = std::make_shared<TestOptions>();
  command
      .add_option("RECIPE|IMAGE", options->target,
                  "A recipe (*.toml), which is built first, or a disk image (raw, qcow2)")
      ->required();
  command.add_option("--firmware", options->firmware, "What boots it")
      ->check(CLI::IsMember({"bios", "uefi"}))
      ->capture_default_str();
  command.add_option("--bus", options->bus, "How the system disk is attached")
      ->check(CLI::IsMember({"virtio", "nvme"}))
      ->capture_default_str();
  command
      .add_option("--datasource", options->datasource,
                  "Where cloud-init finds its user data: on a disk (nocloud), or in EC2's instance metadata (ec2)")
      ->check(CLI::IsMember({"nocloud", "ec2"}))
      ->capture_default_str();
  command.add_option("--user-data", options->user_data, "The user data's form")
      ->check(CLI::IsMember({"cloud-config", "script"}))
      ->capture_default_str();
  command.add_flag("--restart-control-plane", options->restart_control_plane,
                   "Stop the control plane and start it again: the agent has to come back");
  command.add_flag("--second-deployment", options->second_deployment,
                   "Then deploy once more in the guest, reboot, and wait again");
  command.add_option("--timeout", options->timeout_s, "Seconds for each boot")->capture_default_str();
  command.add_option("--logs", options->logs, "Where console, requests and report go (default: OUT/boot-FIRMWARE)");
  command.add_option("--grow", options->grow_gib, "Give the machine a disk of so many GiB, to see the image grow");
  return [options](const Common& common) { return test_target(*options, common); };
}

}  // namespace compose::cli
