#pragma once
// The items of a profile that come in lists, each from its table, for profile.cpp alone. A wrong value is told to the
// table's diagnostics.

#include "agent/profile.hpp"
#include "recipe/document.hpp"

namespace compose::agent {

using recipe::Table;

std::uint32_t read_mode(Table& table, std::uint32_t fallback);
std::optional<Form> read_form(Table& table);  // `as`, of an item that counts in one form only

Bind read_bind(Table table);
Sysctl read_sysctl(Table table);
Port read_port(Table table);
Directory read_directory(Table table);
TemplateFile read_file_entry(Table table, const fs::path& folder);  // the profile's, where the template is
Symlink read_symlink(Table table);
Requirement read_requirement(Table table);

}  // namespace compose::agent
