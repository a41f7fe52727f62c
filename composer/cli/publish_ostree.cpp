#include "cli/publish_ostree.hpp"

#include <iostream>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/recipe_option.hpp"
#include "publish/gpg_key.hpp"
#include "publish/repository.hpp"
#include "support/error.hpp"

namespace compose::cli {
namespace {

using nlohmann::json;

const fs::path& folder_of(const recipe::Recipe& recipe) {
  const auto* folder = std::get_if<fs::path>(&recipe.publish.ostree->place);
  if (folder == nullptr) {
    throw Error(ErrorKind::input, "[publish.ostree] bucket is not available in this version",
                "publish to a folder with path = \"FOLDER\"");
  }
  return *folder;
}

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

std::string prune_text(const publish::PruneReport& report, const fs::path& folder, const char* done) {
  return fmt::format("{}\n  {:<8}{} objects, {} bytes; {} deltas, {} bytes\n  kept    {}\n", folder.string(), done,
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

std::string plan_text(const publish::RepositoryPlan& plan, const fs::path& folder) {
  std::string text = fmt::format("  to {}\n", folder.string());
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

std::string report_text(const publish::RepositoryReport& report, const fs::path& folder) {
  std::string text = fmt::format("  {} {}\n    commit  {}\n", report.changed ? "published to" : "is published in",
                                 folder.string(), report.history.front().commit);
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

}  // namespace

OstreePublishing::OstreePublishing(const recipe::Recipe& recipe, const Common& common, Events& events)
    : recipe_(recipe), common_(common), events_(events) {
  if (recipe.publish.ostree) return;
  throw Error(ErrorKind::input, fmt::format("'{}' names no repository for hosts", recipe.file.string()),
              "add [publish.ostree]; recipes/README.md has its keys");
}

void OstreePublishing::put(const json& report, const std::string& text, json& result) const {
  result["ostree"] = report;
  result["ostree"]["where"] = folder_of(recipe_).string();
  if (!common_.json) fmt::print("{}", text);
}

void OstreePublishing::publish(const sign::SecretKey& key, bool allow_downgrade, json& result) const {
  const fs::path& folder = folder_of(recipe_);
  build::Workspace workspace = open_workspace(common_, events_);
  const lock::Lock lock = lock_of(recipe_, workspace, events_);
  const build::BuildReport built =
      build::run_build(recipe_, lock, key, workspace, {common_.workspace, common_.out, build::Goal::commit}, events_);
  const auto gpg = publish::gpg_signer(*recipe_.publish.ostree);
  const publish::RepositoryReport report = publish::publish_repository(
      folder, workspace.repository(), {recipe_.ref, recipe_.version, built.commit}, *recipe_.publish.ostree,
      {key, gpg ? &*gpg : nullptr}, downgrade(allow_downgrade), events_);
  result["commit"] = built.commit;
  put(report_json(report), report_text(report, folder), result);
}

void OstreePublishing::plan(const sign::SecretKey& key, bool allow_downgrade, json& result) const {
  const fs::path& folder = folder_of(recipe_);
  build::Workspace workspace = open_workspace(common_, events_);
  const lock::Lock lock = lock_of(recipe_, workspace, events_);
  const auto commit = build::plan_chain(workspace, build::layers_of(recipe_, lock, key)).back().commit;
  if (!commit) {
    put({{"built", false}},
        fmt::format("  to {}\n    not built yet: how much there is to copy is known after 'build --to commit'\n",
                    folder.string()),
        result);
    return;
  }
  const publish::RepositoryPlan plan =
      publish::plan_repository(folder, workspace.repository(), {recipe_.ref, recipe_.version, *commit},
                               *recipe_.publish.ostree, downgrade(allow_downgrade));
  result["commit"] = *commit;
  put(plan_json(plan), plan_text(plan, folder), result);
}

void OstreePublishing::plan_prune(json& result) const {
  const fs::path& folder = folder_of(recipe_);
  const auto report = publish::prune_repository(folder, ostree::Deletion::counted_only, events_);
  put(prune_json(report), prune_text(report, folder, "unused"), result);
}

void OstreePublishing::prune(bool sure, json& result) const {
  if (!sure) {
    plan_prune(result);
    if (!confirmed()) return;
  }
  const fs::path& folder = folder_of(recipe_);
  const auto report = publish::prune_repository(folder, ostree::Deletion::done, events_);
  put(prune_json(report), prune_text(report, folder, "deleted"), result);
}

}  // namespace compose::cli
