#include "cli/publish_ostree.hpp"

#include <iostream>

#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "build/build.hpp"
#include "cli/interrupt.hpp"
#include "cli/recipe_option.hpp"
#include "publish/access.hpp"
#include "publish/bucket_repository.hpp"
#include "publish/folder_lock.hpp"
#include "publish/gpg_key.hpp"
#include "publish/repository.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace compose::cli {
namespace {

using nlohmann::json;

publish::Downgrade downgrade(bool allowed) {
  return allowed ? publish::Downgrade::allowed : publish::Downgrade::refused;
}

json to_json(const std::vector<ostree::PublishedVersion>& versions) {
  json list = json::array();
  for (const auto& entry : versions) list.push_back({{"version", entry.version}, {"commit", entry.commit}});
  return list;
}

json to_json(const ostree::DeltaName& delta) {
  return {{"from", delta.from.empty() ? json() : json(delta.from)}, {"to", delta.to}};
}

std::string names_of(const std::vector<ostree::PublishedVersion>& versions) {
  std::string names;
  for (const auto& entry : versions) names += (names.empty() ? "" : ", ") + entry.version;
  return names.empty() ? "none" : names;
}

// The version that a delta of this history starts from.
std::string start_of(const ostree::DeltaName& delta, const std::vector<ostree::PublishedVersion>& history) {
  if (delta.from.empty()) return "nothing";
  for (const auto& entry : history) {
    if (entry.commit == delta.from) return entry.version;
  }
  return delta.from;
}

json prune_json(const publish::PruneReport& report) {
  json deltas = json::array();
  for (const auto& delta : report.deltas) deltas.push_back(to_json(delta));
  return {{"objects", report.objects.objects},
          {"bytes", report.objects.bytes},
          {"delta_bytes", report.delta_bytes},
          {"deltas", deltas},
          {"kept", to_json(report.kept)}};
}

std::string prune_text(const publish::PruneReport& report, const std::string& where, const char* done) {
  return fmt::format("{}\n  {:<8}{} objects, {} bytes; {} deltas, {} bytes\n  kept    {}\n", where, done,
                     report.objects.objects, report.objects.bytes, report.deltas.size(), report.delta_bytes,
                     names_of(report.kept));
}

json plan_json(const publish::RepositoryPlan& plan) {
  json deltas = json::array();
  for (const auto& delta : plan.deltas) deltas.push_back(to_json(delta));
  return {{"built", true},
          {"up_to_date", plan.up_to_date},
          {"new_repository", plan.is_new},
          {"objects", plan.missing.objects},
          {"bytes", plan.missing.bytes},
          {"deltas", deltas},
          {"history", to_json(plan.history)},
          {"forgotten", to_json(plan.forgotten)}};
}

std::string plan_text(const publish::RepositoryPlan& plan, const std::string& where) {
  std::string text = fmt::format("  to {}\n", where);
  if (plan.up_to_date) return text + "    nothing to do\n";
  text += fmt::format("    copy    {} objects, {} bytes before compression{}\n", plan.missing.objects,
                      plan.missing.bytes, plan.is_new ? ", to a new repository" : "");
  for (const auto& delta : plan.deltas) text += "    delta   from " + start_of(delta, plan.history) + "\n";
  text += fmt::format("    keep    {}\n", names_of(plan.history));
  if (!plan.forgotten.empty()) text += fmt::format("    forget  {}\n", names_of(plan.forgotten));
  return text;
}

json report_json(const publish::RepositoryReport& report) {
  json deltas = json::array();
  for (const auto& delta : report.deltas) {
    deltas.push_back(to_json(delta.name));
    deltas.back()["bytes"] = delta.bytes;
  }
  return {{"changed", report.changed},
          {"objects", report.copied.objects},
          {"bytes", report.copied.bytes},
          {"deltas", deltas},
          {"history", to_json(report.history)},
          {"forgotten", to_json(report.forgotten)},
          {"summary_sha256", report.summary_sha256}};
}

std::string report_text(const publish::RepositoryReport& report, const std::string& where) {
  std::string text = fmt::format("  {} {}\n    commit  {}\n", report.changed ? "published to" : "is published in",
                                 where, report.history.front().commit);
  for (const auto& delta : report.deltas) {
    text += fmt::format("    delta   from {}, {} bytes\n", start_of(delta.name, report.history), delta.bytes);
  }
  text += fmt::format("    kept    {}\n", names_of(report.history));
  if (!report.forgotten.empty()) {
    text += fmt::format("    'publish prune' would delete version {}\n", names_of(report.forgotten));
  }
  return text;
}

// For people at a terminal; anybody else has to say it before.
bool confirmed() {
  if (::isatty(STDIN_FILENO) == 0) {
    throw Error(ErrorKind::usage, "'publish prune' deletes, and nobody is there to be asked",
                "look at --plan, then say --yes");
  }
  fmt::print(stderr, "delete that? [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

// Both are a function of the place: the same bucket has one copy in a workspace, whatever recipe publishes there.
std::string address_of(const recipe::Bucket& bucket) {
  return fmt::format("s3://{}{}{}", bucket.name, bucket.prefix.empty() ? "" : "/", bucket.prefix);
}

fs::path copy_of(const recipe::Bucket& bucket, const fs::path& workspace) {
  const std::string identity =
      fmt::format("{} {} {}", address_of(bucket), bucket.region, bucket.endpoint_url.value_or(""));
  return fs::absolute(workspace) / "publish" / sha256_hex(identity).substr(0, 16) / "repo";
}

}  // namespace

// The bucket as it is reached from here. One of a workspace at a time.
class OstreePublishing::Remote {
 public:
  Remote(const recipe::Bucket& place, const recipe::Publish& wanted, const AwsOptions& options, const fs::path& folder,
         Events& events)
      : lock_(folder.parent_path(), events),
        on_signal_(cancel_),
        access_({options.endpoint_url.empty() ? place.endpoint_url.value_or("") : options.endpoint_url, options.profile,
                 wanted.aws ? wanted.aws->profiles : std::map<std::string, std::string>()},
                cancel_),
        bucket_(access_.client(place.region), place.name),
        repository_(bucket_, place.prefix, folder) {}

  publish::BucketRepository& repository() { return repository_; }

 private:
  publish::FolderLock lock_;
  aws::Cancel cancel_;
  StopOnSignal on_signal_;
  publish::Access access_;
  aws::Bucket bucket_;
  publish::BucketRepository repository_;
};

OstreePublishing::OstreePublishing(const recipe::Recipe& recipe, const AwsOptions& options, const Common& common,
                                   Events& events)
    : recipe_(recipe), options_(options), common_(common), events_(events) {
  if (!recipe.publish.ostree) {
    throw Error(ErrorKind::input, fmt::format("'{}' names no repository for hosts", recipe.file.string()),
                "add [publish.ostree]; recipes/README.md has its keys");
  }
  if (const auto* bucket = std::get_if<recipe::Bucket>(&recipe.publish.ostree->place)) {
    folder_ = copy_of(*bucket, common.workspace);
    where_ = address_of(*bucket);
  } else {
    folder_ = std::get<fs::path>(recipe.publish.ostree->place);
    where_ = folder_.string();
  }
}

std::unique_ptr<OstreePublishing::Remote> OstreePublishing::open_remote() const {
  const auto* bucket = std::get_if<recipe::Bucket>(&recipe_.publish.ostree->place);
  if (bucket == nullptr) return nullptr;
  return std::make_unique<Remote>(*bucket, recipe_.publish, options_, folder_, events_);
}

void OstreePublishing::put(json report, const std::string& text, json& result) const {
  report["where"] = where_;
  result["ostree"] = std::move(report);
  if (!common_.json) fmt::print("{}", text);
}

void OstreePublishing::publish(const sign::SecretKey& key, bool allow_downgrade, json& result) const {
  const auto remote = open_remote();
  publish::RepositoryReport report;
  {
    build::Workspace workspace = open_workspace(common_, events_);
    const lock::Lock lock = lock_of(recipe_, workspace, events_);
    const build::BuildReport built =
        build::run_build(recipe_, lock, key, workspace, {common_.workspace, common_.out, build::Goal::commit}, events_);
    result["commit"] = built.commit;
    const auto gpg = publish::gpg_signer(*recipe_.publish.ostree);
    const publish::Signers signers{key, gpg ? &*gpg : nullptr};
    if (remote) {
      remote->repository().take_over(workspace.repository(), recipe_.publish.ostree->url, signers, events_);
    }
    report = publish::publish_repository(folder_, workspace.repository(), {recipe_.ref, recipe_.version, built.commit},
                                         *recipe_.publish.ostree, signers, downgrade(allow_downgrade), events_);
  }
  json described = report_json(report);
  std::string text = report_text(report, where_);
  if (remote) {  // the workspace is free again: uploads take long
    const publish::Upload upload = remote->repository().upload(events_);
    described["uploaded"] = {{"files", upload.files}, {"bytes", upload.bytes}};
    text += fmt::format("    sent    {} files, {} bytes\n", upload.files, upload.bytes);
  }
  put(std::move(described), text, result);
}

void OstreePublishing::plan(const sign::SecretKey& key, bool allow_downgrade, json& result) const {
  build::Workspace workspace = open_workspace(common_, events_);
  const lock::Lock lock = lock_of(recipe_, workspace, events_);
  const auto commit = build::plan_chain(workspace, build::layers_of(recipe_, lock, key)).back().commit;
  if (!commit) {
    put({{"built", false}},
        fmt::format("  to {}\n    not built yet: how much there is to copy is known after 'build --to commit'\n",
                    where_),
        result);
    return;
  }
  const publish::RepositoryPlan plan =
      publish::plan_repository(folder_, workspace.repository(), {recipe_.ref, recipe_.version, *commit},
                               *recipe_.publish.ostree, downgrade(allow_downgrade));
  result["commit"] = *commit;
  put(plan_json(plan), plan_text(plan, where_), result);
}

void OstreePublishing::report_prune(ostree::Deletion deletion, const char* done, json& result) const {
  const auto remote = open_remote();
  const publish::PruneReport report = publish::prune_repository(folder_, deletion, events_);
  json described = prune_json(report);
  std::string text = prune_text(report, where_, done);
  if (remote && deletion == ostree::Deletion::done) {
    const publish::Upload removed = remote->repository().remove_unneeded(events_);
    described["removed"] = {{"files", removed.files}, {"bytes", removed.bytes}};
    text += fmt::format("  removed {} files, {} bytes from the bucket\n", removed.files, removed.bytes);
  }
  put(std::move(described), text, result);
}

void OstreePublishing::plan_prune(json& result) const {
  report_prune(ostree::Deletion::counted_only, "unused", result);
}

void OstreePublishing::prune(bool sure, json& result) const {
  if (!sure) {
    plan_prune(result);
    if (!confirmed()) return;
  }
  report_prune(ostree::Deletion::done, "deleted", result);
}

}  // namespace compose::cli
