#pragma once
// Templates: text with {{name}} in it.

#include <map>
#include <string>
#include <string_view>

#include "support/path.hpp"

namespace compose::agent {

// `text` with each {{name}} replaced by its value; nothing else is special. Throws Error(input) "SOURCE:LINE:COLUMN: …"
// for a name that is not among `values`, and for "{{" that does not begin a {{name}}.
std::string substitute(std::string_view text, const std::map<std::string, std::string>& values, const fs::path& source);

}  // namespace compose::agent
