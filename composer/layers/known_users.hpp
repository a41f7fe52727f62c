#pragma once
// Users and groups as the tree itself knows them: /usr/etc/passwd, /usr/lib/passwd (nss-altfiles) and sysusers.d.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "ostree/tree.hpp"

namespace compose::layers {

struct Users {
  // Name -> id; an id of nothing: sysusers.d makes it at first boot with a number of its own choice.
  std::map<std::string, std::optional<std::uint32_t>> users;
  std::map<std::string, std::optional<std::uint32_t>> groups;
};

Users read_users(const ostree::Tree& tree);

}  // namespace compose::layers
