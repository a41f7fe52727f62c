#pragma once
// What the publish commands say and ask about the repository that hosts upgrade from: text for people, JSON for scripts
// in result["ostree"].

#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "build/build.hpp"
#include "cli/command.hpp"
#include "recipe/recipe.hpp"
#include "sign/keys.hpp"

namespace compose::cli {

class OstreePublishing {
 public:
  // Throws Error(input) when the recipe has no [publish.ostree]. What it is made with must outlive it.
  OstreePublishing(const recipe::Recipe& recipe, const Common& common, Events& events);

  // Builds the commit where it is not built yet.
  void publish(const sign::SecretKey& key, bool allow_downgrade, nlohmann::json& result) const;
  // Builds nothing: how much there is to copy is known when the commit is there.
  void plan(const sign::SecretKey& key, bool allow_downgrade, nlohmann::json& result) const;
  void plan_prune(nlohmann::json& result) const;
  // Asks on the terminal unless `sure`.
  void prune(bool sure, nlohmann::json& result) const;

 private:
  void put(const nlohmann::json& report, const std::string& text, nlohmann::json& result) const;

  const recipe::Recipe& recipe_;
  const Common& common_;
  Events& events_;
};

}  // namespace compose::cli
