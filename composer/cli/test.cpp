#include <chrono>
#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "boot/boot_test.hpp"
#include "boot/junit.hpp"
#include "build/signing_key.hpp"
#include "cli/expectations.hpp"
#include "cli/recipe_option.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::cli {
namespace {

struct TestOptions {
  std::vector<fs::path> targets;
  std::string firmware = "bios";
  bool second_deployment = false;
  unsigned timeout_s = 300;
  fs::path logs;
  std::uint64_t grow_gib = 0;
  std::string bus = "virtio";
  std::string datasource = "nocloud";
  std::string user_data = "cloud-config";
  bool restart_control_plane = false;
  fs::path junit;
  fs::path upgrade_from;
  std::vector<fs::path> refuse_from;
};

// One RECIPE or IMAGE, and where its logs go.
struct Target {
  fs::path path;
  fs::path logs;
};

boot::BootTest common_part(const TestOptions& options, const Target& target) {
  boot::BootTest test;
  test.firmware = options.firmware == "uefi" ? boot::Firmware::uefi : boot::Firmware::bios;
  test.bus = options.bus == "nvme" ? boot::Bus::nvme : boot::Bus::virtio;
  test.datasource = options.datasource == "ec2" ? boot::Datasource::ec2 : boot::Datasource::nocloud;
  test.user_data = options.user_data == "script" ? boot::UserData::script : boot::UserData::cloud_config;
  test.restart_control_plane = options.restart_control_plane;
  test.second_deployment = options.second_deployment;
  test.timeout = std::chrono::seconds(options.timeout_s);
  test.log_directory = target.logs;
  if (options.grow_gib > 0) test.disk_size_bytes = options.grow_gib << 30U;
  return test;
}

void add_task(boot::BootTest& test, const recipe::TestTask& wanted) {
  boot::Task task;
  task.image = wanted.image.value_or(test.image);
  if (task.image.empty()) {
    throw Error(ErrorKind::input, "[test.task] has no image: the agent's package brings none",
                "name one that is in the host as [test.task] image");
  }
  task.command = wanted.command;
  task.container_port = wanted.container_port;
  task.host_port = wanted.host_port;
  task.cpus = wanted.cpu_units / 1024.0;
  task.memory_mib = wanted.memory_mib;
  test.task = task;
}

// The recipe's own [test].
void add_assertions(boot::BootTest& test, const recipe::Test& wanted) {
  for (const std::string& unit : wanted.units) test.assertions.push_back(boot::unit_is_active(unit));
  for (const auto& port : wanted.ports) test.assertions.push_back(boot::port_is_open(port.protocol, port.number));
  for (const auto& file : wanted.files) {
    test.assertions.push_back(boot::file_is_there(file.path, file.mode, file.owner));
  }
  for (const std::string& command : wanted.commands) test.assertions.push_back(boot::command_succeeds(command));
  if (wanted.task) add_task(test, *wanted.task);
}

// The recipe says of which remote and ref.
void add_upgrade(boot::BootTest& test, const TestOptions& options, const recipe::Recipe& recipe) {
  if (options.upgrade_from.empty()) return;
  if (!recipe.publish.ostree) {
    throw Error(ErrorKind::input, fmt::format("hosts of '{}' upgrade from nowhere", recipe.file.string()),
                "--upgrade-from needs [publish.ostree] in the recipe");
  }
  const auto commit = ostree::Repository::open(fs::absolute(options.upgrade_from)).resolve(recipe.ref);
  if (!commit || *commit == test.commit) {
    throw Error(ErrorKind::input,
                fmt::format("'{}' has no other version of '{}' than the one that is tested",
                            options.upgrade_from.string(), recipe.ref),
                "publish the version to upgrade to first");
  }
  boot::Upgrade upgrade{recipe.publish.ostree->remote, fs::absolute(options.upgrade_from), *commit, {}};
  for (const fs::path& folder : options.refuse_from) upgrade.refused.push_back(fs::absolute(folder));
  test.upgrade = std::move(upgrade);
}

// Builds what is not built yet, and tests exactly that.
boot::BootTest test_of_recipe(const TestOptions& options, const Target& target, const Common& common, Events& events) {
  const recipe::Recipe recipe = recipe::load(target.path);
  if (recipe.test.task && recipe.agents.empty())
    throw Error(ErrorKind::input, fmt::format("'{}' has a [test.task] but no [agent] to run it", target.path.string()));
  build::Workspace workspace = open_workspace(common, events);
  const lock::Lock lock = lock_of(recipe, workspace, events);
  const sign::SecretKey key = build::signing_key(recipe.sign, events);
  const build::BuildReport built =
      build::run_build(recipe, lock, key, workspace, {common.workspace, common.out, build::Goal::disk}, events);
  boot::BootTest test = common_part(options, target);
  test.disk = built.disks.front().path;
  test.format = built.disks.front().format;
  test.commit = built.commit;
  test.ref = recipe.publish.ostree ? recipe.publish.ostree->remote + ":" + built.ref : built.ref;
  test.stateroot = recipe.disk.stateroot;
  expect_agents(test, recipe.agents, ostree::Tree(workspace.repository(), built.foundation));
  if (!test.expects_registration) test.restart_control_plane = false;
  add_assertions(test, recipe.test);
  add_upgrade(test, options, recipe);
  for (const auto& volume : recipe.disk.volumes) {
    test.volumes.push_back({volume.device.substr(volume.device.rfind('/') + 1), volume.size_bytes});
  }
  return test;
}

boot::BootTest test_of_image(const TestOptions& options, const Target& target) {
  if (!options.upgrade_from.empty()) {
    throw Error(ErrorKind::input, fmt::format("'{}' is no recipe", target.path.string()),
                "--upgrade-from works with a recipe, which names remote and ref");
  }
  boot::BootTest test = common_part(options, target);
  test.disk = target.path;
  test.format = target.path.extension() == ".qcow2" ? "qcow2" : "raw";
  test.cluster = "under-test";
  return test;
}

// With several targets each has a folder of its own, by its name; a name that comes again gets a number.
std::vector<Target> targets_of(const TestOptions& options, const Common& common) {
  const fs::path logs = options.logs.empty() ? common.out / ("boot-" + options.firmware) : options.logs;
  if (options.targets.size() == 1) return {{options.targets.front(), logs}};
  std::vector<Target> targets;
  std::map<std::string, unsigned> seen;
  for (const fs::path& path : options.targets) {
    const std::string name = path.stem().string();
    const unsigned number = ++seen[name];
    targets.push_back({path, logs / (number == 1 ? name : fmt::format("{}-{}", name, number))});
  }
  return targets;
}

// What became of one target.
struct Outcome {
  Target target;
  std::optional<boot::BootReport> report;
  std::optional<Error> error;

  int exit_code() const {
    if (error) return static_cast<int>(error->kind());
    return report->passed ? 0 : static_cast<int>(ErrorKind::failed);
  }

  nlohmann::json json() const {
    nlohmann::json json = report
                              ? boot::to_json(*report)
                              : nlohmann::json{{"passed", false}, {"error", error->what()}, {"exit_code", exit_code()}};
    json["target"] = target.path.string();
    json["logs"] = target.logs.string();
    return json;
  }
};

Outcome test_target(const TestOptions& options, const Target& target, const Common& common, Events& events) {
  try {
    const boot::BootTest test = target.path.extension() == ".toml" ? test_of_recipe(options, target, common, events)
                                                                   : test_of_image(options, target);
    return {target, boot::run_boot_test(test, events), std::nullopt};
  } catch (const Error& error) {
    return {target, std::nullopt, error};
  }
}

void print_text(const Outcome& outcome, std::FILE* to) {
  if (outcome.error) {
    fmt::print(stderr, "{}", outcome.error->explain());
    return;
  }
  fmt::print(to, "{}", boot::describe(*outcome.report));
  if (!outcome.report->passed) fmt::print(stderr, "hint: the logs are in {}\n", outcome.target.logs.string());
}

void print_outcome(const Outcome& outcome, const Common& common, bool one_of_several) {
  if (!common.json) {
    if (one_of_several) fmt::print("{}\n", outcome.target.path.string());
    return print_text(outcome, stdout);
  }
  if (outcome.error || !outcome.report->passed) print_text(outcome, stderr);
}

void write_junit(const fs::path& file, const std::vector<Outcome>& outcomes) {
  std::vector<boot::Tested> tested;
  for (const Outcome& outcome : outcomes) {
    tested.push_back(
        {outcome.target.path.stem().string(), outcome.report, outcome.error ? outcome.error->what() : std::string()});
  }
  write_file_atomically(file, boot::to_junit(tested));
}

void print_json(const std::vector<Outcome>& outcomes, bool passed) {
  nlohmann::json json = outcomes.front().json();
  if (outcomes.size() > 1) {
    json = {{"passed", passed}, {"results", nlohmann::json::array()}};
    for (const Outcome& outcome : outcomes) json["results"].push_back(outcome.json());
  }
  fmt::print("{}\n",
             json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));  // guests need not send UTF-8
}

// All of them, whatever becomes of one; the first failure's exit code.
int test_all(const TestOptions& options, const Common& common) {
  const auto events = common.make_events();
  std::vector<Outcome> outcomes;
  int exit_code = 0;
  for (const Target& target : targets_of(options, common)) {
    outcomes.push_back(test_target(options, target, common, *events));
    const Outcome& outcome = outcomes.back();
    if (exit_code == 0) exit_code = outcome.exit_code();
    if (options.targets.size() == 1 && outcome.error && options.junit.empty()) throw Error(*outcome.error);
    print_outcome(outcome, common, options.targets.size() > 1);
  }
  if (!options.junit.empty()) write_junit(options.junit, outcomes);
  if (common.json) print_json(outcomes, exit_code == 0);
  return exit_code;
}

}  // namespace

Action add_test(CLI::App& command) {
  auto options = std::make_shared<TestOptions>();
  command
      .add_option("RECIPE|IMAGE", options->targets,
                  "Recipes (*.toml), which are built first, or disk images (raw, qcow2): one after the other")
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
  CLI::Option* upgrade = command.add_option(
      "--upgrade-from", options->upgrade_from,
      "Then upgrade from this published repository (a folder), reboot, wait again, go back, reboot, and wait again");
  command
      .add_option("--refuse-upgrade-from", options->refuse_from,
                  "Before that the host must refuse to upgrade from this repository (may be repeated)")
      ->needs(upgrade)
      ->allow_extra_args(false);
  command.add_option("--timeout", options->timeout_s, "Seconds for each boot")->capture_default_str();
  command.add_option(
      "--logs", options->logs,
      "Where console, requests and report go (default: OUT/boot-FIRMWARE; with several targets each has a "
      "folder in it)");
  command.add_option("--junit", options->junit, "Write the outcome as JUnit XML to this file");
  command.add_option("--grow", options->grow_gib, "Give the machine a disk of so many GiB, to see the image grow");
  return [options](const Common& common) { return test_all(*options, common); };
}

}  // namespace compose::cli
