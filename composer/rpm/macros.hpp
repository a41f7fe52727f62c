#pragma once
// Macros in scripts that ask for their expansion when they are installed (%post -e). Only the directories that rpm
// knows everywhere are replaced, from a table of our own: librpm's expansion would run programs ("%(…)", "%{lua:…}") of
// a package that nobody isolated, and would depend on the host's configuration. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace compose::rpm {

// The text with "%{_bindir}", "%_bindir" and "%%" replaced. The first macro that is none of the known ones is put into
// `unknown`, and nothing is returned.
std::optional<std::string> expand_macros(std::string_view text, std::string& unknown);

}  // namespace compose::rpm
