#include "cli/lock_json.hpp"

#include "rpm/nevra.hpp"

namespace compose::cli {
namespace {

using nlohmann::json;

json to_json(const lock::Lock::Base& base) {
  json result = {{"ref", base.ref}, {"commit", base.commit}};
  if (!base.version.empty()) result["version"] = base.version;
  return result;
}

json to_json(const lock::Difference::Package& package) {
  const auto side = [](const std::string& version, const std::string& repo) {
    return version.empty() ? json() : json({{"version", version}, {"repo", repo}});
  };
  return {{"change", lock::word_for(package.change)},
          {"name", package.name},
          {"from", side(package.from, package.from_repo)},
          {"to", side(package.to, package.to_repo)},
          {"added_bytes", package.added_bytes}};
}

json text_or_null(const std::string& text) { return text.empty() ? json() : json(text); }

json number_or_null(const std::optional<std::uint32_t>& number) { return number ? json(*number) : json(); }

json total(const lock::Difference::Total& total) {
  return {{"packages", total.packages}, {"size_bytes", total.size_bytes}};
}

}  // namespace

json to_json(const lock::Lock& lock) {
  json images = json::array();
  for (const auto& image : lock.agent_images) images.push_back({{"image", image.image}, {"digest", image.digest}});
  json packages = json::array();
  for (const auto& package : lock.packages) {
    packages.push_back({{"nevra", package.nevra},
                        {"repo", package.repo},
                        {"location", package.location},
                        {"size_bytes", package.size_bytes},
                        {"sha256", package.sha256}});
  }
  return {{"base", to_json(lock.base)},
          {"agent_images", images},
          {"packages", packages},
          {"removed_packages", lock.removed_packages},
          {"ids", {{"users", lock.ids.users}, {"groups", lock.ids.groups}}}};
}

json to_json(const lock::Difference& difference) {
  json base;
  if (difference.base) base = {{"from", to_json(difference.base->from)}, {"to", to_json(difference.base->to)}};
  json packages = json::array();
  for (const auto& package : difference.packages) packages.push_back(to_json(package));
  json images = json::array();
  for (const auto& image : difference.agent_images) {
    images.push_back({{"image", image.image}, {"from", text_or_null(image.from)}, {"to", text_or_null(image.to)}});
  }
  json ids = json::array();
  for (const auto& id : difference.ids) {
    ids.push_back(
        {{"kind", id.kind}, {"name", id.name}, {"from", number_or_null(id.from)}, {"to", number_or_null(id.to)}});
  }
  return {{"different", !difference.empty()},
          {"base", base},
          {"packages", packages},
          {"taken_out", difference.taken_out},
          {"left_in", difference.left_in},
          {"agent_images", images},
          {"ids", ids},
          {"total", {{"from", total(difference.from)}, {"to", total(difference.to)}}}};
}

lock::Difference compare_locks(const lock::Lock& from, const lock::Lock& to) {
  return lock::difference(from, to, [](const std::string& a, const std::string& b) {
    return rpm::compare_evr(rpm::parse_nevra(a), rpm::parse_nevra(b));
  });
}

}  // namespace compose::cli
