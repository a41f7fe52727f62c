#pragma once
// A package's NEVRA as the lock has it, in its parts. Which of two versions is newer only rpm knows.

#include <optional>
#include <string>
#include <string_view>

namespace compose::lock {

struct NevraParts {
  std::string name;
  std::string evr;  // "[EPOCH:]VERSION-RELEASE"
  std::string arch;

  std::string name_arch() const { return name + "." + arch; }
};

// Nothing when `text` is not NAME-[EPOCH:]VERSION-RELEASE.ARCH, of the characters that these have.
std::optional<NevraParts> nevra_parts(std::string_view text);

}  // namespace compose::lock
