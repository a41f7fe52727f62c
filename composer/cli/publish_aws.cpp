#include "cli/publish_aws.hpp"

#include <cstdio>
#include <iostream>

#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "cli/interrupt.hpp"
#include "disk/allocation.hpp"
#include "publish/plan.hpp"
#include "publish/promote.hpp"
#include "publish/publish.hpp"
#include "publish/retire.hpp"
#include "publish/verify.hpp"
#include "support/error.hpp"

namespace compose::cli {
namespace {

std::string mib(std::uint64_t blocks) {
  return fmt::format("{:.1f} MiB", static_cast<double>(blocks * disk::snapshot_block_bytes) / (1U << 20U));
}

nlohmann::json json_of(const Error& error) {
  nlohmann::json json = {{"message", error.what()}, {"exit_code", static_cast<int>(error.kind())}};
  if (!error.hint().empty()) json["hint"] = error.hint();
  return json;
}

void print_error(const std::string& region, const Error& error) {
  fmt::print(stderr, "{}: {}", region, error.explain());
}

// A version of the ledger, as what the regions have.
publish::Subject subject_of(const publish::History& history, const std::string& version) {
  const auto digest = history.image_of_version(version);
  if (!digest) {
    std::vector<std::string> versions;
    for (const auto& known : history.image_order) versions.push_back(history.images.at(known).version);
    throw Error(ErrorKind::input, fmt::format("version '{}' was not published", version),
                versions.empty() ? "nothing was, says the ledger of this workspace"
                                 : fmt::format("published: {}", fmt::join(versions, ", ")));
  }
  const publish::PublishedImage& image = history.images.at(*digest);
  return {image.name, image.version, image.arch, image.commit, {}, image.blocks, *digest};
}

nlohmann::json json_of(const publish::RegionReport& region) {
  nlohmann::json json = {{"region", region.place.region},
                         {"account", region.place.account},
                         {"snapshot", region.snapshot.id},
                         {"parent", region.snapshot.parent},
                         {"blocks", region.snapshot.blocks},
                         {"blocks_sent", region.snapshot.sent},
                         {"bytes_sent", region.snapshot.sent * disk::snapshot_block_bytes},
                         {"image", region.ami},
                         {"released", region.released},
                         {"parameters", region.parameters},
                         {"requests", region.traffic.requests},
                         {"retries", region.traffic.retries}};
  if (!region.snapshot.why_full.empty()) json["why_full"] = region.snapshot.why_full;
  if (region.error) json["error"] = json_of(*region.error);
  return json;
}

void print_text(const publish::RegionReport& region) {
  const auto& snapshot = region.snapshot;
  fmt::print("  {:<15} {:<22} {:<22} {}\n", region.place.region, region.ami.empty() ? "-" : region.ami,
             snapshot.id.empty() ? "-" : snapshot.id,
             region.error      ? "failed"
             : region.released ? "released"
                               : "available, not released: another region is missing");
  if (snapshot.sent > 0) {
    fmt::print("  {:<15} {} sent, {}\n", "", mib(snapshot.sent),
               snapshot.parent.empty() ? "all of it" + (snapshot.why_full.empty() ? "" : ": " + snapshot.why_full)
                                       : "on top of " + snapshot.parent);
  }
  for (const std::string& parameter : region.parameters) fmt::print("  {:<15} {}\n", "", parameter);
}

nlohmann::json json_of(const publish::RegionPlan& plan) {
  return {{"region", plan.place.region}, {"account", plan.place.account},
          {"snapshot", plan.snapshot},   {"image", plan.ami},
          {"parent", plan.parent},       {"why_full", plan.why_full},
          {"blocks", plan.blocks},       {"bytes", plan.blocks * disk::snapshot_block_bytes},
          {"of_blocks", plan.of_blocks}, {"calls", plan.calls}};
}

void print_text(const publish::RegionPlan& plan) {
  fmt::print("{}: {} of {}{}\n", plan.place.region, mib(plan.blocks), mib(plan.of_blocks),
             !plan.parent.empty()     ? ", on top of " + plan.parent
             : !plan.why_full.empty() ? ": " + plan.why_full
                                      : "");
  for (const std::string& call : plan.calls) fmt::print("  {}\n", call);
  if (plan.calls.empty()) fmt::print("  nothing to do: {}\n", plan.ami);
}

std::string_view word_for(publish::SnapshotState state) {
  switch (state) {
    case publish::SnapshotState::intended:
      return "begun";
    case publish::SnapshotState::started:
      return "uploading";
    case publish::SnapshotState::completed:
      return "uploaded";
    case publish::SnapshotState::abandoned:
      return "abandoned";
  }
  return "";
}

nlohmann::json status_of(const publish::History& history, const publish::Snapshot& snapshot) {
  const publish::Publication* published = history.publication_of(snapshot.place, snapshot.image);
  const bool current = published != nullptr && published->snapshot == snapshot.id;
  nlohmann::json json = {{"region", snapshot.place.region},
                         {"account", snapshot.place.account},
                         {"snapshot", snapshot.id},
                         {"parent", snapshot.parent},
                         {"blocks_sent", snapshot.sent.size()},
                         {"state", snapshot.retired ? "retired" : word_for(snapshot.state)}};
  if (!current) return json;
  json["image"] = published->ami;
  json["state"] = published->released ? "released" : "registered";
  json["parameters"] = published->parameters;
  json["launch_templates"] = published->rolled;
  return json;
}

void print_status(const nlohmann::json& image) {
  fmt::print("{} {}  {}  {}\n", image["name"].get<std::string>(), image["version"].get<std::string>(),
             image["time"].get<std::string>(), image["commit"].get<std::string>());
  for (const auto& region : image["regions"]) {
    fmt::print("  {:<15} {:<10} {:<22} {}\n", region["region"].get<std::string>(), region["state"].get<std::string>(),
               region["snapshot"].get<std::string>(), region.value("image", ""));
  }
}

nlohmann::json json_of(const publish::RegionVerdict& verdict) {
  nlohmann::json json = {{"region", verdict.place.region},     {"image", verdict.ami},
                         {"snapshot", verdict.snapshot},       {"right", verdict.right()},
                         {"differences", verdict.differences}, {"notes", verdict.notes},
                         {"blocks_read", verdict.blocks_read}};
  if (verdict.error) json["error"] = json_of(*verdict.error);
  return json;
}

void print_text(const publish::RegionVerdict& verdict) {
  fmt::print("{:<15} {:<22} {:<22} {}\n", verdict.place.region, verdict.ami, verdict.snapshot,
             verdict.right() ? "as it should be" : "WRONG");
  for (const std::string& difference : verdict.differences) fmt::print("  {}\n", difference);
  for (const std::string& note : verdict.notes) fmt::print("  note: {}\n", note);
  if (verdict.blocks_read > 0) fmt::print("  {} blocks read\n", verdict.blocks_read);
}

nlohmann::json json_of(const publish::Retirement& retirement) {
  nlohmann::json json = {{"region", retirement.place.region},
                         {"image", retirement.ami},
                         {"snapshot", retirement.snapshot},
                         {"parameters", retirement.parameters},
                         {"done", retirement.done}};
  if (retirement.error) json["error"] = json_of(*retirement.error);
  return json;
}

void print_question(const std::vector<publish::Retirement>& plan, const publish::Subject& subject) {
  fmt::print(stderr, "To be deleted, {} {}:\n", subject.name, subject.version);
  for (const auto& one : plan) {
    if (one.ami.empty()) continue;
    fmt::print(stderr, "  {:<15} image {}, snapshot {}{}\n", one.place.region, one.ami, one.snapshot,
               one.is_parent ? " (the next upload here will be a full one)" : "");
    for (const std::string& parameter : one.parameters) fmt::print(stderr, "  {:<15} parameter {}\n", "", parameter);
  }
}

bool agreed() {
  if (::isatty(STDIN_FILENO) == 0) throw Error(ErrorKind::usage, "nobody is there to be asked", "say --yes");
  fmt::print(stderr, "Delete? Type yes: ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "yes";
}

// The version whose image a parameter has, the same in every region.
std::string version_behind(const std::string& parameter, const recipe::PublishAws& wanted,
                           const std::vector<std::string>& named, publish::Access& access,
                           const publish::History& history) {
  std::string version;
  for (const std::string& region : publish::chosen_regions(wanted, named)) {
    const std::string here =
        publish::version_behind(parameter, {access.account(region), region}, access.client(region), history);
    if (!version.empty() && here != version) {
      throw Error(ErrorKind::input,
                  fmt::format("parameter {} has version {} in {}, but {} elsewhere", parameter, here, region, version),
                  "name the version: --version, or the regions: --region");
    }
    version = here;
  }
  return version;
}

}  // namespace

void add_aws_options(CLI::App& command, AwsOptions& options) {
  command.add_option("--region", options.regions, "Only this one of the recipe's regions (may be said again)")
      ->allow_extra_args(false);
  command.add_option("--endpoint-url", options.endpoint_url, "Where the services are, instead of at AWS");
  command.add_option("--profile", options.profile, "Whose credentials, of the AWS configuration files");
  command
      .add_option("--trust-ledger-key", options.trusted_keys,
                  "A public key that signed the ledger before the recipe's (may be said again)")
      ->allow_extra_args(false);
}

AwsPublishing::AwsPublishing(const recipe::Recipe& recipe, const AwsOptions& options, const Common& common,
                             Events& events)
    : recipe_(recipe), options_(options), common_(common), events_(events) {
  if (recipe.publish.aws) return;
  throw Error(ErrorKind::input, fmt::format("'{}' has no [publish.aws]", recipe.file.string()),
              "recipes/README.md says what goes there");
}

fs::path AwsPublishing::ledger_file() const {
  if (!options_.ledger.empty()) return fs::absolute(options_.ledger);
  return publish::Ledger::path_for(fs::absolute(common_.workspace), recipe_.name);
}

publish::Ledger AwsPublishing::open_ledger(const sign::SecretKey& key) const {
  publish::LedgerAccess access;
  access.key = &key;
  access.also_trusted = options_.trusted_keys;
  access.now = [] { return aws::format_time(std::chrono::system_clock::now()); };
  access.on_wait = [this] { events_.note("somebody else publishes this recipe from here: waiting for them to end"); };
  access.note = [this](const std::string& text) { events_.note(text); };
  return {ledger_file(), std::move(access)};
}

publish::Access AwsPublishing::access(const aws::Cancel& cancel) const {
  return {{options_.endpoint_url, options_.profile, recipe_.publish.aws->profiles}, cancel};
}

int AwsPublishing::publish(const publish::Subject& subject, const sign::SecretKey& key, nlohmann::json& result) {
  aws::Cancel cancel;
  const StopOnSignal on_signal(cancel);
  publish::Access services = access(cancel);
  publish::Ledger ledger = open_ledger(key);
  const publish::PublishReport report =
      publish::publish_image(recipe_, subject, options_.regions, services, ledger, events_);
  result["image"] = subject.digest;
  for (const auto& region : report.regions) {
    result["regions"].push_back(json_of(region));
    if (!common_.json) print_text(region);
  }
  for (const auto& region : report.regions) {
    if (region.error) print_error(region.place.region, *region.error);
  }
  return report.exit_code;
}

int AwsPublishing::plan(const publish::Subject& subject, nlohmann::json& result) {
  const publish::History history = publish::read_history(ledger_file());
  result["image"] = subject.digest;
  for (const auto& plan : publish::plan_regions(recipe_, subject, history, options_.regions)) {
    result["regions"].push_back(json_of(plan));
    if (!common_.json) print_text(plan);
  }
  return 0;
}

int AwsPublishing::status(nlohmann::json& result) {
  const publish::History history = publish::read_history(ledger_file());
  result = {{"name", recipe_.name}, {"images", nlohmann::json::array()}};
  for (const std::string& digest : history.image_order) {
    const auto& image = history.images.at(digest);
    nlohmann::json json = {{"name", image.name},
                           {"version", image.version},
                           {"arch", image.arch},
                           {"commit", image.commit},
                           {"time", image.time},
                           {"image", digest},
                           {"regions", nlohmann::json::array()}};
    for (const auto& snapshot : history.snapshots) {
      if (snapshot.image == digest) json["regions"].push_back(status_of(history, snapshot));
    }
    if (!common_.json) print_status(json);
    result["images"].push_back(std::move(json));
  }
  if (!common_.json && history.image_order.empty()) fmt::print("nothing was published from this workspace\n");
  return 0;
}

int AwsPublishing::verify(const std::string& version, bool blocks, const sign::SecretKey& key, nlohmann::json& result) {
  aws::Cancel cancel;
  const StopOnSignal on_signal(cancel);
  publish::Access services = access(cancel);
  publish::Ledger ledger = open_ledger(key);
  const publish::Subject subject = subject_of(ledger.history(), version);
  publish::Regions regions(recipe_, subject, options_.regions, services, ledger, events_);
  int exit_code = 0;
  for (const auto& verdict :
       publish::verify_regions(regions, blocks ? publish::Depth::blocks : publish::Depth::attributes)) {
    result["regions"].push_back(json_of(verdict));
    if (!common_.json) print_text(verdict);
    if (verdict.error) print_error(verdict.place.region, *verdict.error);
    if (exit_code == 0 && !verdict.right()) {
      exit_code = static_cast<int>(verdict.error ? verdict.error->kind() : ErrorKind::mismatch);
    }
  }
  return exit_code;
}

int AwsPublishing::promote(const std::string& parameter, const std::string& from, const std::string& version,
                           const sign::SecretKey& key, nlohmann::json& result) {
  aws::Cancel cancel;
  const StopOnSignal on_signal(cancel);
  publish::Access services = access(cancel);
  publish::Ledger ledger = open_ledger(key);
  const publish::History history = ledger.history();
  const std::string meant =
      from.empty() ? version : version_behind(from, *recipe_.publish.aws, options_.regions, services, history);
  const publish::Subject subject = subject_of(history, meant);
  const std::string name = publish::expand(parameter, subject);
  publish::Regions regions(recipe_, subject, options_.regions, services, ledger, events_);
  result["parameter"] = name;
  result["version"] = meant;
  for (const auto& one : publish::promote(regions, name)) {
    result["regions"].push_back({{"region", one.place.region}, {"image", one.ami}, {"previous", one.previous}});
    if (one.error) {
      result["regions"].back()["error"] = json_of(*one.error);
      print_error(one.place.region, *one.error);
    } else if (!common_.json && regions.all_right()) {
      fmt::print("{:<15} {} = {} ({}){}\n", one.place.region, name, one.ami, meant,
                 one.previous.empty() || one.previous == one.ami ? "" : ", was " + one.previous);
    }
  }
  return regions.exit_code();
}

int AwsPublishing::retire(const std::string& version, bool sure, const sign::SecretKey& key, nlohmann::json& result) {
  aws::Cancel cancel;
  const StopOnSignal on_signal(cancel);
  publish::Access services = access(cancel);
  publish::Ledger ledger = open_ledger(key);
  const publish::Subject subject = subject_of(ledger.history(), version);
  publish::Regions regions(recipe_, subject, options_.regions, services, ledger, events_);
  std::vector<publish::Retirement> plan = publish::plan_retirement(regions);
  const bool possible = regions.all_right();
  if (possible && !sure) print_question(plan, subject);
  if (possible && (sure || agreed())) publish::retire(regions, plan);
  for (const auto& one : plan) {
    result["regions"].push_back(json_of(one));
    if (one.error) print_error(one.place.region, *one.error);
    if (!common_.json && one.done) fmt::print("{:<15} {} and {} are gone\n", one.place.region, one.ami, one.snapshot);
  }
  return regions.exit_code();
}

}  // namespace compose::cli
