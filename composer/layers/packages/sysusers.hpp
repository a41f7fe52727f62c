#pragma once
// sysusers.d(5): the users and groups that a package declares. Text to values. Pure.

#include <optional>
#include <string>
#include <vector>

namespace compose::layers {

struct SysusersLine {
  enum class Kind { user, group, member, range };
  Kind kind{};
  std::string name;
  std::string id;  // "-", "N", "N:GROUP", "-:GROUP", a path; members: the group; ranges: "N-M"
  std::string comment;
  std::string home;   // empty: "/"
  std::string shell;  // empty: "/usr/sbin/nologin"
  std::string place;  // "/usr/lib/sysusers.d/x.conf:3"
};

// `file` names the place in messages. Throws Error(input) for what is not a line of this format.
std::vector<SysusersLine> parse_sysusers(const std::string& text, const std::string& file);

}  // namespace compose::layers
