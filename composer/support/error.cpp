#include "support/error.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace compose {

std::string Error::explain() const {
  std::string text = fmt::format("error: {}\n", what());
  for (const auto& doing : trace_) text += fmt::format("  … while {}\n", doing);
  if (!hint_.empty()) text += fmt::format("hint: {}\n", hint_);
  return text;
}

void throw_errno(std::string_view operation, std::string_view object, int error_number) {
  std::string hint;
  if (error_number == ENOSPC || error_number == EDQUOT) {
    hint = "free some space, or choose another place with --workspace and --out; what was finished before is untouched";
  } else if (error_number == EACCES || error_number == EPERM) {
    hint = "the files of a workspace belong to the user who made it: run as that user, or use another --workspace";
  }
  throw Error(ErrorKind::failed, fmt::format("{} '{}': {}", operation, object, std::strerror(error_number)), hint);
}

}  // namespace compose
