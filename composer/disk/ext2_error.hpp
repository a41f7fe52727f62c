#pragma once
// libext2fs' error codes as exceptions. Private to disk/.

#include <string>

namespace compose::disk {

// Throws an Error when `result` (an errcode_t: 0, an errno value, or one of the library's own) is not 0:
// "DOING 'OBJECT': reason".
void check_ext2(long result, const std::string& doing, const std::string& object);

}  // namespace compose::disk
