#pragma once
// What the single values of [packages] must look like. Pure: text in, problem out.

#include "recipe/checks.hpp"

namespace compose::recipe {

// Whether an entry of `install` means a file: "./x.rpm", "rpms/x.rpm".
bool is_package_file(std::string_view value);

Problem problem_with_install(std::string_view value);       // a name, NEVRA, glob, "NAME >= VERSION", "/PATH", a file
Problem problem_with_base_package(std::string_view value);  // of `remove`, `replace`, `exclude`: a name, NEVRA or glob
Problem problem_with_repo_id(std::string_view value);       // the section of a .repo file, or "local"
Problem problem_with_script(std::string_view value);        // "NAME.post", "NAME.*"
Problem problem_with_provides(std::string_view value);      // "/bin/sh", "systemd", "systemd = 252"
Problem problem_with_releasever(std::string_view value);

}  // namespace compose::recipe
