#include "rpm/nevra.hpp"

#include <fmt/format.h>
#include <rpm/rpmver.h>

#include "support/error.hpp"

namespace compose::rpm {

std::string to_text(const Nevra& nevra) {
  const std::string epoch = nevra.epoch.empty() || nevra.epoch == "0" ? "" : nevra.epoch + ":";
  return fmt::format("{}-{}{}-{}.{}", nevra.name, epoch, nevra.version, nevra.release, nevra.arch);
}

Nevra parse_nevra(std::string_view text) {
  const auto dot = text.rfind('.');
  const auto release = dot == std::string_view::npos ? dot : text.rfind('-', dot);
  const auto version =
      release == std::string_view::npos || release == 0 ? std::string_view::npos : text.rfind('-', release - 1);
  if (version == std::string_view::npos || version == 0) {
    throw Error(
        ErrorKind::input,
        fmt::format("'{}' is not a package's name, version and architecture: expected NAME-VERSION-RELEASE.ARCH",
                    text));
  }
  Nevra nevra;
  nevra.name = text.substr(0, version);
  nevra.version = text.substr(version + 1, release - version - 1);
  nevra.release = text.substr(release + 1, dot - release - 1);
  nevra.arch = text.substr(dot + 1);
  if (const auto colon = nevra.version.find(':'); colon != std::string::npos) {
    nevra.epoch = nevra.version.substr(0, colon);
    nevra.version.erase(0, colon + 1);
  }
  return nevra;
}

int compare_evr(const Nevra& a, const Nevra& b) {
  const auto number = [](const std::string& epoch) { return epoch.empty() ? std::string("0") : epoch; };
  if (const int order = rpmvercmp(number(a.epoch).c_str(), number(b.epoch).c_str())) return order;
  if (const int order = rpmvercmp(a.version.c_str(), b.version.c_str())) return order;
  return rpmvercmp(a.release.c_str(), b.release.c_str());
}

}  // namespace compose::rpm
