#include "layers/packages/allocation.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/split.hpp>

#include "support/error.hpp"
#include "support/number.hpp"

namespace compose::layers {
namespace {

constexpr std::uint32_t highest = 999;  // SYS_UID_MAX of login.defs(5)
constexpr std::uint32_t lowest = 101;   // SYS_UID_MIN

std::pair<std::string, std::string> split_id(const std::string& id) {
  const std::size_t colon = id.starts_with("/") ? std::string::npos : id.find(':');
  if (colon == std::string::npos) return {id, {}};
  return {id.substr(0, colon), id.substr(colon + 1)};
}

std::pair<std::uint32_t, std::uint32_t> parse_range(const SysusersLine& line) {
  const std::size_t dash = line.id.find('-');
  const auto from = parse_number<std::uint32_t>(line.id.substr(0, dash));
  const auto to = dash == std::string::npos ? from : parse_number<std::uint32_t>(line.id.substr(dash + 1));
  if (!from || !to || *from > *to) {
    throw Error(ErrorKind::input, fmt::format("{}: '{}' is not a range of numbers", line.place, line.id),
                "sysusers.d(5) describes the lines");
  }
  return {*from, *to};
}

std::string name_with(const AccountTable& table, std::uint32_t id) {
  for (const auto& [name, number] : numbers_of(table)) {
    if (number == id) return name;
  }
  return {};
}

}  // namespace

std::optional<std::uint32_t> next_free_id(const AccountFiles& files, const lock::Lock::Ids& pins,
                                          const std::vector<std::pair<std::uint32_t, std::uint32_t>>& ranges) {
  std::set<std::uint32_t> taken;
  for (const auto& numbers : {numbers_of(files.passwd), numbers_of(files.group), pins.users, pins.groups}) {
    for (const auto& [name, number] : numbers) taken.insert(number);
  }
  const auto in_range = [&](std::uint32_t id) {
    return ranges.empty() ? id >= lowest && id <= highest
                          : std::any_of(ranges.begin(), ranges.end(),
                                        [id](const auto& range) { return id >= range.first && id <= range.second; });
  };
  for (std::uint32_t id = highest; id > 0; --id) {
    if (in_range(id) && !taken.contains(id)) return id;
  }
  return std::nullopt;
}

void SysusersEvaluation::run(const std::vector<SysusersLine>& lines) {
  for (const auto& line : lines) {
    if (line.kind == SysusersLine::Kind::range) ranges_.push_back(parse_range(line));
  }
  for (const Pass pass : {Pass::fixed, Pass::chosen}) {
    for (const auto& line : lines) {
      if (line.kind == SysusersLine::Kind::group) add_group(line.name, line.id, line.place, pass);
    }
    for (const auto& line : lines) {
      if (line.kind == SysusersLine::Kind::user) add_user(line, pass);
    }
  }
  for (const auto& line : lines) {
    if (line.kind == SysusersLine::Kind::member) add_member(line);
  }
}

std::optional<std::uint32_t> SysusersEvaluation::pin(const std::string& name, bool group) const {
  const auto& pins = group ? pins_.groups : pins_.users;
  const auto found = pins.find(name);
  return found == pins.end() ? std::nullopt : std::optional(found->second);
}

// A number, or the owner of a file of the tree.
std::optional<std::uint32_t> SysusersEvaluation::fixed_id(const std::string& id, bool group) const {
  if (!id.starts_with("/")) return parse_number<std::uint32_t>(id);
  const auto node = tree_.lookup(id.starts_with("/etc/") ? "/usr" + id : id);
  if (!node) return std::nullopt;
  return group ? node->meta.gid : node->meta.uid;
}

std::uint32_t SysusersEvaluation::free_id(const std::string& place) const {
  if (const auto id = next_free_id(files_, pins_, ranges_)) return *id;
  throw Error(ErrorKind::input, fmt::format("{}: no number below 1000 is free", place));
}

// Two names for one number would be one user with two names.
void SysusersEvaluation::claim(std::uint32_t id, const std::string& name, const std::string& place, bool group) {
  const std::string key = fmt::format("{} {}", group ? "group" : "user", id);
  const std::string owner = name_with(group ? files_.group : files_.passwd, id);
  if (!owner.empty() && owner != name) {
    const auto known = claims_.find(key);
    throw Error(ErrorKind::input,
                fmt::format("the {} '{}' ({}) wants the number {}, which {} has", group ? "group" : "user", name, place,
                            id, known != claims_.end() ? known->second : fmt::format("'{}' of the base", owner)),
                "one of the two packages has to go, or be built with another number");
  }
  claims_.emplace(key, fmt::format("'{}' ({})", name, place));
}

void SysusersEvaluation::put_group(const std::string& name, std::uint32_t gid) {
  files_.group.lines.push_back({name, "x", std::to_string(gid), ""});
  if (files_.gshadow.there) files_.gshadow.lines.push_back({name, "!*", "", ""});
}

void SysusersEvaluation::put_user(const SysusersLine& line, std::uint32_t uid, std::uint32_t gid) {
  files_.passwd.lines.push_back({line.name, "x", std::to_string(uid), std::to_string(gid), line.comment,
                                 line.home.empty() ? "/" : line.home,
                                 line.shell.empty() ? "/usr/sbin/nologin" : line.shell});
  if (files_.shadow.there) files_.shadow.lines.push_back({line.name, "!*", "", "", "", "", "", "", ""});
}

void SysusersEvaluation::add_group(const std::string& name, const std::string& id, const std::string& place,
                                   Pass pass) {
  if (files_.group.find(name) != nullptr) return;
  auto number = fixed_id(id, true);
  if (!number && pass == Pass::fixed) return;
  if (!number) number = pin(name, true);
  if (!number) number = free_id(place);
  claim(*number, name, place, true);
  put_group(name, *number);
}

// The group that the line names after a colon, else the one of the same name, made with the same number.
std::uint32_t SysusersEvaluation::group_for_user(const SysusersLine& line, std::uint32_t uid) {
  const std::string named = split_id(line.id).second;
  if (const auto number = parse_number<std::uint32_t>(named)) return *number;
  const std::string name = named.empty() ? line.name : named;
  if (files_.group.find(name) == nullptr) {
    const auto pinned = pin(name, true);
    const bool same_is_free = name_with(files_.group, uid).empty();
    const std::uint32_t gid = pinned ? *pinned : same_is_free ? uid : free_id(line.place);
    claim(gid, name, line.place, true);
    put_group(name, gid);
  }
  return numbers_of(files_.group).at(name);
}

void SysusersEvaluation::add_user(const SysusersLine& line, Pass pass) {
  if (files_.passwd.find(line.name) != nullptr) return;
  auto uid = fixed_id(split_id(line.id).first, false);
  if (!uid && pass == Pass::fixed) return;
  if (!uid) uid = pin(line.name, false);
  if (!uid && files_.group.find(line.name) != nullptr) {
    const std::uint32_t same = numbers_of(files_.group).at(line.name);
    const bool pinned =
        std::any_of(pins_.users.begin(), pins_.users.end(), [&](const auto& p) { return p.second == same; });
    if (name_with(files_.passwd, same).empty() && !pinned) uid = same;
  }
  if (!uid) uid = free_id(line.place);
  claim(*uid, line.name, line.place, false);
  put_user(line, *uid, group_for_user(line, *uid));
}

void SysusersEvaluation::add_member(const SysusersLine& line) {
  add_group(line.id, "-", line.place, Pass::chosen);
  SysusersLine user = line;
  user.id = "-";
  add_user(user, Pass::chosen);
  const auto join = [&](std::vector<std::string>* group) {
    if (group == nullptr || group->size() < 4) return;
    std::vector<std::string> members;
    if (!group->at(3).empty()) boost::algorithm::split(members, group->at(3), [](char c) { return c == ','; });
    if (std::find(members.begin(), members.end(), line.name) == members.end()) members.push_back(line.name);
    group->at(3) = boost::algorithm::join(members, ",");
  };
  join(files_.group.find(line.id));
  join(files_.gshadow.find(line.id));
}

}  // namespace compose::layers
