#pragma once
// passwd(5), group(5), shadow(5) and gshadow(5) of a tree as values: lines of fields, in the file's order.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ostree/tree.hpp"

namespace compose::layers {

// One of the files. A line's first field is its name; lines without a name are kept as they are.
struct AccountTable {
  std::vector<std::vector<std::string>> lines;
  bool there = false;

  std::vector<std::string>* find(const std::string& name);
  const std::vector<std::string>* find(const std::string& name) const;
};

AccountTable parse_table(const std::string& text);
std::string to_text(const AccountTable& table);

// Of "/usr/etc" or "/usr/lib" (nss-altfiles); a file that is absent is an empty table.
struct AccountFiles {
  AccountTable passwd;
  AccountTable group;
  AccountTable shadow;
  AccountTable gshadow;
};

AccountFiles read_accounts(const ostree::Tree& tree, const std::string& folder);

// Replaces the files that are there or not empty; a file keeps its metadata, a new one is root's, shadows not readable.
void write_accounts(ostree::Tree& tree, const std::string& folder, const AccountFiles& files);

// Name -> number of a passwd or group table; lines without a number are left out.
std::map<std::string, std::uint32_t> numbers_of(const AccountTable& table);

}  // namespace compose::layers
