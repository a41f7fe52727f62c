#pragma once
// The rpm database as a tree has it: taken out as a private copy, and put back.

#include <optional>
#include <string>

#include "ostree/tree.hpp"

namespace compose::layers {

// The tree's folder with its rpm database; nothing when it has none.
std::optional<std::string> database_folder(const ostree::Tree& tree);

// Copies the database's files to `folder`, which is made. Returns `folder`, or nothing when the tree has no database.
std::optional<fs::path> copy_database(const ostree::Tree& tree, const fs::path& folder);

// Makes the files of `folder` the tree's database: where it has one already, else /usr/share/rpm with the links that
// rpm and rpm-ostree follow. rpm-ostree's own copy of the base's database is renewed with it (rpm-ostree's
// rust/src/composepost.rs: /usr/lib/sysimage/rpm-ostree-base-db).
void put_database(ostree::Tree& tree, const fs::path& folder);

}  // namespace compose::layers
