#pragma once
// Inside of Table; the only header that includes toml++ (1.9 s), for document.cpp and table.cpp only.

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "recipe/document.hpp"

namespace compose::recipe {

// The place that toml++ recorded; `file` where it has none.
Diagnostic diagnostic_at(const toml::source_region& source, const fs::path& file, std::string message);

// With its article, for "expected …, found …".
std::string_view type_name(toml::node_type type);

struct Table::State {
  const toml::table* table = nullptr;
  std::string path;  // "agent.environment"; empty: the top level
  std::string name;  // for messages
  fs::path file;     // the document's; values may have another one
  Diagnostics* diagnostics = nullptr;
  std::vector<std::string> known;  // keys asked for, in that order
  std::set<std::string> unlisted;  // handled, but not to be advertised

  void report(const toml::source_region& source, std::string message) const;
  void wrong_type(const std::string& key, const toml::node& node, toml::node_type expected) const;
  void absent(const std::string& what, std::string_view meaning) const;

  // The value, or null; from now on the key is a known one.
  const toml::node* ask(const std::string& key);
  // The value as a T (toml++'s name for it); null when absent or, after a report, of another type.
  template <typename T>
  const auto* ask_for(const std::string& key, toml::node_type type) {
    const toml::node* node = ask(key);
    const auto* value = node == nullptr ? nullptr : node->as<T>();
    if (node != nullptr && value == nullptr) wrong_type(key, *node, type);
    return value;
  }
  std::string checked(const std::string& key, const toml::value<std::string>& value, const Check& check) const;
  // The key's value, or the table itself when there is none: where to point at.
  const toml::node& place(const std::string& key) const;
  // Element `index` of the key's array; what place() gives when there is none.
  const toml::node& place(const std::string& key, std::size_t index) const;
  std::string text_of(const toml::node& place) const;  // "FILE:LINE:COLUMN"

  std::shared_ptr<State> child(const std::string& key, const toml::table& value, bool in_array) const;
  std::string path_of(const std::string& key) const { return path.empty() ? key : path + "." + key; }
  std::string in_this_table() const { return path.empty() ? "at the top level" : "in " + name; }
};

}  // namespace compose::recipe
