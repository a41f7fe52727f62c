#pragma once
// What the single values of a profile must look like. Pure: text in, problem out, as recipe/checks.hpp.

#include <optional>
#include <string>
#include <string_view>

namespace compose::agent {

using Problem = std::optional<std::string>;

Problem problem_with_word(std::string_view value);            // names of agent, container, users
Problem problem_with_shipped_path(std::string_view value);    // of a file: below /usr or /etc
Problem problem_with_directory_path(std::string_view value);  // below /etc, /var or /run
Problem problem_with_host_path(std::string_view value);       // anywhere
Problem problem_with_sysctl(std::string_view value);          // "net.ipv4.ip_forward"
Problem problem_with_argument(std::string_view value);        // one of a command in a unit: needs no quoting there
Problem problem_with_text(std::string_view value);            // one line for people
Problem problem_with_file_name(std::string_view value);       // in the profile's own folder, or "../common/NAME"
Problem problem_with_form(std::string_view value);            // "container", "rpm"
Problem problem_with_propagation(std::string_view value);     // "rslave", "rshared"

}  // namespace compose::agent
