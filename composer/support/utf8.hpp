#pragma once
// Whether bytes are UTF-8 text.

#include <string_view>

namespace compose {

// As RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace compose
