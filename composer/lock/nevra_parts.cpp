#include "lock/nevra_parts.hpp"

#include "recipe/checks.hpp"

namespace compose::lock {

std::optional<NevraParts> nevra_parts(std::string_view text) {
  const auto dot = text.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto release = text.rfind('-', dot);
  if (release == std::string_view::npos || release == 0) return std::nullopt;
  const auto version = text.rfind('-', release - 1);
  if (version == std::string_view::npos) return std::nullopt;
  NevraParts parts{std::string(text.substr(0, version)), std::string(text.substr(version + 1, dot - version - 1)),
                   std::string(text.substr(dot + 1))};
  const bool well_formed = recipe::consists_of(parts.name, "._+-") && recipe::consists_of(parts.arch, "_") &&
                           recipe::consists_of(parts.evr, "._+-~^:") && release > version + 1 && dot > release + 1;
  return well_formed ? std::optional(std::move(parts)) : std::nullopt;
}

}  // namespace compose::lock
