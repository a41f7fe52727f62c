#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "build/signing_key.hpp"
#include "cli/publish_aws.hpp"
#include "cli/publish_ostree.hpp"
#include "cli/recipe_option.hpp"
#include "support/error.hpp"

namespace compose::cli {
namespace {

struct PublishOptions {
  fs::path recipe;
  fs::path image;
  bool plan = false;
  bool blocks = false;
  bool sure = false;
  bool allow_downgrade = false;
  std::string version;
  std::string parameter;
  std::string from;
  AwsOptions aws;
};

using Options = std::shared_ptr<PublishOptions>;
// One of the subcommands; returns the exit code.
using AwsCommand = std::function<int(AwsPublishing& aws, const recipe::Recipe& recipe, const sign::SecretKey& key,
                                     nlohmann::json& result)>;

// Builds what is not built yet. The workspace is free again when this returns: uploads take long.
build::BuildReport build_recipe(const recipe::Recipe& recipe, const sign::SecretKey& key, const Common& common,
                                Events& events) {
  build::Workspace workspace = open_workspace(common, events);
  const lock::Lock lock = lock_of(recipe, workspace, events);
  return build::run_build(recipe, lock, key, workspace, {common.workspace, common.out, build::Goal::disk}, events);
}

// The recipe's own image, or a file that somebody else built.
publish::Subject subject_of(const PublishOptions& options, const recipe::Recipe& recipe, const sign::SecretKey& key,
                            const Common& common, Events& events) {
  std::string commit;
  fs::path raw = fs::absolute(options.image);
  if (options.image.empty()) {
    const build::BuildReport built = build_recipe(recipe, key, common, events);
    commit = built.commit;
    raw = built.disks.front().path;
  }
  publish::ImageBlocks blocks = publish::read_image_blocks(raw, events);
  return publish::make_subject(recipe.name, recipe.version, recipe.publish.aws->architecture, commit, raw,
                               std::move(blocks));
}

int publish_image(const PublishOptions& options, const recipe::Recipe& recipe, const sign::SecretKey& key,
                  const Common& common, Events& events, nlohmann::json& result) {
  AwsPublishing aws(recipe, options.aws, common, events);
  const publish::Subject subject = subject_of(options, recipe, key, common, events);
  result["version"] = subject.version;
  result["commit"] = subject.commit;
  return options.plan ? aws.plan(subject, result) : aws.publish(subject, key, result);
}

// An image that somebody else built has no commit of ours.
bool wants_repository(const PublishOptions& options, const recipe::Recipe& recipe) {
  return recipe.publish.ostree && options.image.empty();
}

// The repository for hosts first: it is quick, and hosts of the new image will look there.
int publish_recipe(const PublishOptions& options, const Common& common) {
  const recipe::Recipe recipe = recipe::load(options.recipe);
  const auto events = common.make_events();
  if (!recipe.publish.ostree && !recipe.publish.aws) {
    throw Error(ErrorKind::input, fmt::format("'{}' does not say where to publish", recipe.file.string()),
                "add [publish.ostree], [publish.aws] or both; recipes/README.md has their keys");
  }
  const sign::SecretKey key = build::signing_key(recipe.sign, *events);
  nlohmann::json result = {{"name", recipe.name}, {"version", recipe.version}};
  if (!common.json) fmt::print("{} {}\n", recipe.name, recipe.version);
  if (wants_repository(options, recipe)) {
    const OstreePublishing repository(recipe, options.aws, common, *events);
    options.plan ? repository.plan(key, options.allow_downgrade, result)
                 : repository.publish(key, options.allow_downgrade, result);
  }
  int exit_code = 0;
  if (recipe.publish.aws || !wants_repository(options, recipe)) {
    exit_code = publish_image(options, recipe, key, common, *events, result);
  }
  if (common.json) fmt::print("{}\n", result.dump());
  return exit_code;
}

int prune_recipe(const PublishOptions& options, const Common& common) {
  const recipe::Recipe recipe = recipe::load(options.recipe);
  const auto events = common.make_events();
  nlohmann::json result = {{"name", recipe.name}};
  const OstreePublishing repository(recipe, options.aws, common, *events);
  options.plan ? repository.plan_prune(result) : repository.prune(options.sure, result);
  if (common.json) fmt::print("{}\n", result.dump());
  return 0;
}

int run_aws_command(const AwsCommand& command, const PublishOptions& options, const Common& common) {
  const recipe::Recipe recipe = recipe::load(options.recipe);
  const auto events = common.make_events();
  AwsPublishing aws(recipe, options.aws, common, *events);
  const sign::SecretKey key = build::signing_key(recipe.sign, *events);
  nlohmann::json result = {{"name", recipe.name}};
  const int exit_code = command(aws, recipe, key, result);
  if (common.json) fmt::print("{}\n", result.dump());
  return exit_code;
}

CLI::App& add_subcommand(CLI::App& publish, const Options& options, const char* name, const char* summary) {
  CLI::App& command = *publish.add_subcommand(name, summary);
  command.fallthrough();
  command.add_option("RECIPE", options->recipe, "The recipe")->required();
  return command;
}

void add_version(CLI::App& command, const Options& options) {
  command.add_option("--version", options->version, "Which version (default: the recipe's)");
}

const std::string& version_of(const Options& options, const recipe::Recipe& recipe) {
  return options->version.empty() ? recipe.version : options->version;
}

using Commands = std::vector<std::pair<CLI::App*, AwsCommand>>;

void add_looking(CLI::App& publish, const Options& options, Commands& commands) {
  CLI::App& status = add_subcommand(publish, options, "status", "What the ledger says was published where");
  commands.emplace_back(
      &status, [](AwsPublishing& aws, const auto&, const auto&, nlohmann::json& result) { return aws.status(result); });
  CLI::App& verify =
      add_subcommand(publish, options, "verify", "Compare what is published with the recipe and the image");
  add_version(verify, options);
  verify.add_flag("--blocks", options->blocks, "Read every block of the snapshots, too");
  commands.emplace_back(&verify, [options](AwsPublishing& aws, const auto& recipe, const auto& key, auto& result) {
    return aws.verify(version_of(options, recipe), options->blocks, key, result);
  });
}

void add_changing(CLI::App& publish, const Options& options, Commands& commands) {
  CLI::App& promote =
      add_subcommand(publish, options, "promote", "Set a parameter to a published version, in every region");
  promote.add_option("PARAMETER", options->parameter, "Its name, such as /hosts/stable/image_id")->required();
  add_version(promote, options);
  promote.add_option("--from", options->from, "The version that this parameter has")->excludes("--version");
  commands.emplace_back(&promote, [options](AwsPublishing& aws, const auto& recipe, const auto& key, auto& result) {
    return aws.promote(options->parameter, options->from, version_of(options, recipe), key, result);
  });
  CLI::App& retire =
      add_subcommand(publish, options, "retire", "Delete a published version's image, snapshot and own parameters");
  retire.add_option("--version", options->version, "Which version")->required();
  retire.add_flag("--yes", options->sure, "Do not ask");
  commands.emplace_back(&retire, [options](AwsPublishing& aws, const auto&, const auto& key, auto& result) {
    return aws.retire(options->version, options->sure, key, result);
  });
}

CLI::App& add_prune(CLI::App& publish, const Options& options) {
  CLI::App& prune = add_subcommand(publish, options, "prune",
                                   "Delete from the hosts' repository what no kept version needs, after asking");
  prune.add_flag("--yes", options->sure, "Do not ask");
  return prune;
}

}  // namespace

Action add_publish(CLI::App& command) {
  auto options = std::make_shared<PublishOptions>();
  command.add_option("RECIPE", options->recipe, "The recipe; what is not built yet is built first");
  command.add_flag("--plan", options->plan, "Say what would be done, and how many bytes would be sent; no credentials");
  command.add_option("--image", options->image, "This raw image instead of the one that the recipe makes");
  add_aws_options(command, options->aws);
  Commands commands;
  add_looking(command, options, commands);
  add_changing(command, options, commands);
  command.add_flag("--allow-downgrade", options->allow_downgrade,
                   "Let hosts have what is older than what the repository has now");
  const CLI::App& prune = add_prune(command, options);
  return [options, commands, &prune](const Common& common) {
    if (prune.parsed()) return prune_recipe(*options, common);
    for (const auto& [subcommand, run] : commands) {
      if (subcommand->parsed()) return run_aws_command(run, *options, common);
    }
    if (options->recipe.empty()) throw Error(ErrorKind::usage, "publish what? Name a recipe", "publish --help");
    return publish_recipe(*options, common);
  };
}

}  // namespace compose::cli
