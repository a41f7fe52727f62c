#pragma once
// The files of `aws configure` (docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html). Pure.

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace compose::aws {

using ProfileValues = std::map<std::string, std::string>;  // keys in lower case

// Section name -> its values. Comments, and the indented lines of nested settings, are left out. Throws Error(input),
// which names `file` and the line, for a line that is neither a section nor KEY = VALUE. No value is put into an error.
std::map<std::string, ProfileValues> parse_profiles(const std::string& text, const std::string& file);

// A command line as a shell splits it: white space, '…', "…" and \. Nothing is expanded. Nothing at all for quotes that
// do not end.
std::optional<std::vector<std::string>> split_command(const std::string& command);

}  // namespace compose::aws
