#include <fmt/format.h>

#include "lock/difference.hpp"
#include "support/size_text.hpp"

namespace compose::lock {
namespace {

using Change = Difference::Change;

std::string base_text(const Lock::Base& base, bool with_ref) {
  const std::string commit = base.commit.substr(0, 12);
  return fmt::format("{}{}", with_ref ? base.ref + " " : "",
                     base.version.empty() ? commit : fmt::format("{} ({})", base.version, commit));
}

std::string package_text(const Difference::Package& package) {
  std::string details = package.added_bytes == 0 ? "" : signed_size_text(package.added_bytes);
  const auto add = [&details](const std::string& more) { details += (details.empty() ? "" : ", ") + more; };
  if (package.change == Change::added) add("from " + package.to_repo);
  if (!package.from.empty() && !package.to.empty() && package.from_repo != package.to_repo) {
    add(fmt::format("from {}, was {}", package.to_repo, package.from_repo));
  }
  const bool two = !package.from.empty() && !package.to.empty() && package.from != package.to;
  const std::string version = two                    ? package.from + " -> " + package.to
                              : package.from.empty() ? package.to
                                                     : package.from;
  return fmt::format("{} {} {}{}", word_for(package.change), package.name, version,
                     details.empty() ? "" : fmt::format(" ({})", details));
}

// What may be there before, after or both.
std::string change_text(const std::string& what, const std::string& from, const std::string& to) {
  if (from.empty()) return fmt::format("added {} {}", what, to);
  if (to.empty()) return fmt::format("removed {} {}", what, from);
  return fmt::format("changed {} {} -> {}", what, from, to);
}

std::string id_text(const Difference::Id& id) {
  const auto text = [](const std::optional<std::uint32_t>& number) { return number ? std::to_string(*number) : ""; };
  return change_text(id.kind + " " + id.name, text(id.from), text(id.to));
}

std::string total_text(const Difference::Total& from, const Difference::Total& to) {
  const auto difference = static_cast<std::int64_t>(to.size_bytes) - static_cast<std::int64_t>(from.size_bytes);
  return fmt::format("packages in total: {}, {} -> {}, {} ({})", from.packages, size_text(from.size_bytes), to.packages,
                     size_text(to.size_bytes), signed_size_text(difference));
}

}  // namespace

const char* word_for(Change change) {
  switch (change) {
    case Change::added:
      return "added";
    case Change::removed:
      return "removed";
    case Change::upgraded:
      return "upgraded";
    case Change::downgraded:
      return "downgraded";
    case Change::rebuilt:
      return "rebuilt";
    case Change::moved:
      return "moved";
  }
  return "";
}

std::vector<std::string> in_words(const Difference& difference) {
  std::vector<std::string> lines;
  if (const auto& base = difference.base) {
    const bool with_ref = base->from.ref != base->to.ref;
    lines.push_back(change_text("base", base_text(base->from, with_ref), base_text(base->to, with_ref)));
  }
  for (const auto& package : difference.packages) lines.push_back(package_text(package));
  for (const auto& nevra : difference.taken_out) lines.push_back("taken out of the base " + nevra);
  for (const auto& nevra : difference.left_in) lines.push_back("left in the base " + nevra);
  for (const auto& image : difference.agent_images) {
    lines.push_back(change_text("agent image " + image.image, image.from, image.to));
  }
  for (const auto& id : difference.ids) lines.push_back(id_text(id));
  if (!difference.packages.empty()) lines.push_back(total_text(difference.from, difference.to));
  return lines;
}

}  // namespace compose::lock
