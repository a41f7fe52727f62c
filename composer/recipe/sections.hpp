#pragma once
// The recipe's tables, from a document with everything included to values. Problems go to the document's diagnostics;
// what is returned is meaningful only when there are none.

#include "recipe/document.hpp"
#include "recipe/load.hpp"
#include "recipe/recipe.hpp"

namespace compose::recipe {

// All but Recipe::file.
Recipe read_recipe(Table root, const FileAccess& files);

Base read_base(Table table, const FileAccess& files);
Agent read_agent(Table table, const FileAccess& files);
Packages read_packages(Table table, const FileAccess& files);
Test read_test(Table table);
PublishAws read_publish_aws(Table table, const FileAccess& files);
PublishOstree read_publish_ostree(Table table, const FileAccess& files);

// `value` of `key`: a file with public GPG keys. An absolute path is the building machine's own and is looked for when
// it is needed.
fs::path read_gpg_key(Table& table, const std::string& key, const std::string& value, const FileAccess& files);
// What is wrong with such a file, whose path is relative.
std::optional<std::string> problem_with_gpg_key(const fs::path& path, const FileAccess& files);

// For the values, which are absolute where messages are as relative as the recipe.
fs::path absolute(const fs::path& path, const FileAccess& files);

}  // namespace compose::recipe
