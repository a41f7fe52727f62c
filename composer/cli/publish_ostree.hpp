#pragma once
// What the publish commands say and ask about the repository that hosts upgrade from: text for people, JSON for scripts
// in result["ostree"].

#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/command.hpp"
#include "cli/publish_aws.hpp"
#include "ostree/archive.hpp"
#include "recipe/recipe.hpp"
#include "sign/keys.hpp"

namespace compose::cli {

class OstreePublishing {
 public:
  // Throws Error(input) when the recipe has no [publish.ostree]. What it is made with must outlive it.
  OstreePublishing(const recipe::Recipe& recipe, const AwsOptions& options, const Common& common, Events& events);

  // Builds the commit where it is not built yet.
  void publish(const sign::SecretKey& key, bool allow_downgrade, nlohmann::json& result) const;
  // Builds nothing: how much there is to copy is known when the commit is there. Of a bucket it looks at this
  // workspace's copy, without credentials.
  void plan(const sign::SecretKey& key, bool allow_downgrade, nlohmann::json& result) const;
  void plan_prune(nlohmann::json& result) const;
  // Asks on the terminal unless `sure`.
  void prune(bool sure, nlohmann::json& result) const;

 private:
  class Remote;
  void put(nlohmann::json report, const std::string& text, nlohmann::json& result) const;
  std::unique_ptr<Remote> open_remote() const;  // null: the repository is in a folder
  void report_prune(ostree::Deletion deletion, const char* done, nlohmann::json& result) const;

  const recipe::Recipe& recipe_;
  const AwsOptions& options_;
  const Common& common_;
  Events& events_;
  fs::path folder_;    // with the repository, or this workspace's copy of the bucket
  std::string where_;  // for people
};

}  // namespace compose::cli
