#pragma once
// What the publish commands say and ask about AWS: text for people, JSON for scripts.

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/command.hpp"
#include "publish/access.hpp"
#include "publish/ledger.hpp"
#include "publish/subject.hpp"
#include "recipe/recipe.hpp"
#include "sign/keys.hpp"

namespace compose::cli {

// Options that all commands about AWS have.
struct AwsOptions {
  std::vector<std::string> regions;
  std::string endpoint_url;
  std::string profile;
  fs::path ledger;
  std::vector<std::string> trusted_keys;
};

void add_aws_options(CLI::App& command, AwsOptions& options);

// One recipe's ledger and regions. What it is made with must outlive it.
class AwsPublishing {
 public:
  // Throws Error(input) when the recipe has no [publish.aws].
  AwsPublishing(const recipe::Recipe& recipe, const AwsOptions& options, const Common& common, Events& events);

  // All print text unless common.json, and put what they found into `result`. Return 0, or the exit code of the first
  // region that failed.
  int publish(const publish::Subject& subject, const sign::SecretKey& key, nlohmann::json& result);
  int plan(const publish::Subject& subject, nlohmann::json& result);
  int status(nlohmann::json& result);
  int verify(const std::string& version, bool blocks, const sign::SecretKey& key, nlohmann::json& result);
  // `from`: a parameter that has the image now; empty: the image of `version`.
  int promote(const std::string& parameter, const std::string& from, const std::string& version,
              const sign::SecretKey& key, nlohmann::json& result);
  // Asks on the terminal unless `sure`.
  int retire(const std::string& version, bool sure, const sign::SecretKey& key, nlohmann::json& result);

 private:
  publish::Ledger open_ledger(const sign::SecretKey& key) const;
  publish::Access access(const aws::Cancel& cancel) const;
  fs::path ledger_file() const;

  const recipe::Recipe& recipe_;
  const AwsOptions& options_;
  const Common& common_;
  Events& events_;
};

}  // namespace compose::cli
