#include "rpm/capabilities.hpp"

#include <array>
#include <cstdint>

#include <linux/capability.h>
#include <sys/capability.h>

#include <fmt/format.h>

#include "support/error.hpp"
#include "support/handle.hpp"

namespace compose::rpm {
namespace {

using Capabilities = Handle<_cap_struct, cap_free>;

constexpr unsigned bits = 64;

std::uint64_t flags_of(cap_t capabilities, cap_flag_t kind) {
  std::uint64_t result = 0;
  for (unsigned bit = 0; bit < bits; ++bit) {
    cap_flag_value_t value = CAP_CLEAR;
    if (cap_get_flag(capabilities, static_cast<cap_value_t>(bit), kind, &value) != 0) continue;
    if (value == CAP_SET) result |= std::uint64_t{1} << bit;
  }
  return result;
}

void append(std::string& bytes, std::uint32_t number) {
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(number >> shift & 0xFFU);
}

}  // namespace

std::string capability_attribute(const std::string& text) {
  const Capabilities capabilities(cap_from_text(text.c_str()));
  if (!capabilities) throw Error(ErrorKind::input, fmt::format("'{}' is not a list of file capabilities", text));
  const std::uint64_t permitted = flags_of(capabilities.get(), CAP_PERMITTED);
  const std::uint64_t inheritable = flags_of(capabilities.get(), CAP_INHERITABLE);
  const std::uint64_t effective = flags_of(capabilities.get(), CAP_EFFECTIVE);
  if (effective != 0 && effective != (permitted | inheritable)) {
    throw Error(ErrorKind::input, fmt::format("the file capabilities '{}' are effective only in part", text),
                "a file's capabilities are effective all together or not at all (capabilities(7))");
  }
  constexpr std::uint64_t all = (std::uint64_t{1} << (CAP_LAST_CAP + 1U)) - 1;
  if ((permitted & all) == all || (inheritable & all) == all) {
    throw Error(ErrorKind::input, fmt::format("the file capabilities '{}' are all that there are", text),
                "which those are depends on the kernel: the package has to name them");
  }
  std::string bytes;
  append(bytes, VFS_CAP_REVISION_2 | (effective != 0 ? VFS_CAP_FLAGS_EFFECTIVE : 0U));
  for (unsigned half = 0; half < 64; half += 32) {
    append(bytes, static_cast<std::uint32_t>(permitted >> half));
    append(bytes, static_cast<std::uint32_t>(inheritable >> half));
  }
  return bytes;
}

}  // namespace compose::rpm
