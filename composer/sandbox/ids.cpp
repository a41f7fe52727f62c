#include "sandbox/ids.hpp"

#include <vector>

#include <pwd.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/algorithm/string/split.hpp>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/number.hpp"
#include "support/process.hpp"

namespace compose::sandbox {
namespace {

constexpr std::uint64_t cap_sys_admin = 1ULL << 21U;
constexpr std::uint32_t system_ids = 1000;  // below: what packages use

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  boost::algorithm::split(parts, text, [separator](char c) { return c == separator; });
  return parts;
}

std::string user_name() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : "";
}

std::optional<IdRange> range_in(const char* file) {
  boost::system::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  return find_range(read_file(file), user_name(), ::geteuid());
}

bool has_program(const std::string& name) {
  boost::system::error_code ignored;
  return fs::exists("/usr/bin/" + name, ignored);
}

}  // namespace

bool can_mount() {
  if (::geteuid() != 0) return false;
  for (const auto& line : split(read_file("/proc/self/status"), '\n')) {
    if (line.starts_with("CapEff:")) return (std::stoull(line.substr(7), nullptr, 16) & cap_sys_admin) != 0;
  }
  return false;
}

std::optional<IdRange> find_range(const std::string& text, const std::string& name, std::uint32_t id) {
  for (const auto& line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 3 || fields[0].empty() || (fields[0] != name && fields[0] != std::to_string(id))) continue;
    const auto start = parse_number<std::uint32_t>(fields[1]);
    const auto count = parse_number<std::uint32_t>(fields[2]);
    if (start && count && *start > 0 && *count >= system_ids) return IdRange{*start, *count};
  }
  return std::nullopt;
}

IdMapping best_mapping(std::string& note) {
  IdMapping mapping;
  if (can_mount()) return mapping;
  mapping.user_namespace = true;
  if (!has_program("newuidmap") || !has_program("newgidmap")) {
    note = "newuidmap is not installed (package uidmap or shadow-utils): scripts cannot give files to other users";
    return mapping;
  }
  const auto uids = range_in("/etc/subuid");
  const auto gids = range_in("/etc/subgid");
  if (!uids || !gids) {
    note = "/etc/subuid and /etc/subgid have no range for this user: scripts cannot give files to other users";
    return mapping;
  }
  mapping.uids = uids;
  mapping.gids = gids;
  return mapping;
}

void write_ranges(pid_t child, const IdMapping& mapping) {
  const auto write = [child](const char* program, std::uint32_t own, const IdRange& range) {
    run_checked({program, std::to_string(child), "0", std::to_string(own), "1", "1", std::to_string(range.start),
                 std::to_string(range.count)});
  };
  write("newuidmap", ::geteuid(), *mapping.uids);
  write("newgidmap", ::getegid(), *mapping.gids);
}

}  // namespace compose::sandbox
