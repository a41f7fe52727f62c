#include "disk/ext2_error.hpp"

extern "C" {  // these headers do not say so themselves
#include <et/com_err.h>
#include <ext2fs/ext2_err.h>
}

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::disk {

void check_ext2(long result, const std::string& doing, const std::string& object) {
  constexpr long first_own_code = 256;
  if (result == 0) return;
  if (result < first_own_code) throw_errno(doing, object, static_cast<int>(result));
  initialize_ext2_error_table();
  throw Error(ErrorKind::failed, fmt::format("{} '{}': {}", doing, object, error_message(result)));
}

}  // namespace compose::disk
