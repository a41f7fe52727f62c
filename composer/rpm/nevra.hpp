#pragma once
// A package's name, epoch, version, release and architecture.

#include <compare>
#include <string>
#include <string_view>

namespace compose::rpm {

struct Nevra {
  std::string name;
  std::string epoch = "0";
  std::string version;
  std::string release;
  std::string arch;

  // Of the text: an order to sort by, not which is newer.
  auto operator<=>(const Nevra&) const = default;  // NOLINT(modernize-use-nullptr): a false alarm of clang-tidy 14
};

// "NAME-VERSION-RELEASE.ARCH", or "NAME-EPOCH:VERSION-RELEASE.ARCH" when the epoch is not 0.
std::string to_text(const Nevra& nevra);

// The reverse. Throws Error(input) when `text` is not one.
Nevra parse_nevra(std::string_view text);

// Which of two "EPOCH:VERSION-RELEASE" is newer: negative, 0, positive, by rpm's own rules.
int compare_evr(const Nevra& a, const Nevra& b);

}  // namespace compose::rpm
