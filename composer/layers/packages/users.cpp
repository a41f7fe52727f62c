#include "layers/packages/users.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "layers/packages/allocation.hpp"
#include "support/error.hpp"
#include "support/number.hpp"

namespace compose::layers {
namespace {

using Fields = std::vector<std::string>;

AccountTable merge(const AccountTable& first, const AccountTable& second) {
  AccountTable merged = first;
  merged.there = first.there || second.there;
  for (const Fields& line : second.lines) {
    if (merged.find(line[0]) == nullptr) merged.lines.push_back(line);
  }
  return merged;
}

// sysusers.d(5): by the files' names, wherever they are.
std::vector<SysusersLine> declared_users(const ostree::Tree& tree, const std::vector<rpm::PackageInfo>& packages) {
  std::map<std::string, std::string> files;
  for (const auto& package : packages) {
    for (const auto& file : package.files) {
      if (file.path.starts_with("/usr/lib/sysusers.d/") && file.path.ends_with(".conf") && !file.ghost)
        files.emplace(file.path, package.nevra.name);
    }
  }
  std::vector<SysusersLine> lines;
  for (const auto& [path, package] : files) {
    const auto node = tree.lookup(path);
    if (!node || node->kind != ostree::NodeKind::file) continue;
    for (auto& line : parse_sysusers(tree.read(path), path)) {
      line.place = fmt::format("{} of {}", line.place, package);
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

void require_free_pins(const std::map<std::string, std::uint32_t>& pins, const AccountTable& base, const char* what) {
  const auto numbers = numbers_of(base);
  for (const auto& [name, id] : numbers) {
    for (const auto& [pinned, pin] : pins) {
      if (pin != id || pinned == name || numbers.contains(pinned)) continue;
      throw Error(
          ErrorKind::input,
          fmt::format("the lock has the number {} for the {} '{}', but the base has it for '{}'", pin, what, pinned,
                      name),
          fmt::format("delete '{}' from the lock's ids: it gets another number, and files of running hosts that "
                      "belong to it have to be given to it again",
                      pinned));
    }
  }
}

// What a script may not do to the base's accounts.
void require_kept(const AccountTable& before, const AccountTable& after, std::size_t field, const char* what) {
  for (const Fields& line : before.lines) {
    if (line.size() <= field) continue;
    const Fields* now = after.find(line[0]);
    if (now == nullptr)
      throw Error(ErrorKind::input, fmt::format("a script of a package removed the {} '{}'", what, line[0]));
    if (now->size() <= field || now->at(field) != line[field]) {
      throw Error(ErrorKind::input, fmt::format("a script of a package changed the {} of '{}'",
                                                field == 1 ? "password" : "number", line[0]));
    }
  }
}

// The number of the group of the same name, if no user has it.
std::optional<std::uint32_t> number_of_group(const AccountFiles& files, const std::string& name) {
  const auto groups = numbers_of(files.group);
  const auto found = groups.find(name);
  if (found == groups.end()) return std::nullopt;
  for (const auto& [user, number] : numbers_of(files.passwd)) {
    if (number == found->second) return std::nullopt;
  }
  return found->second;
}

// Gives what is new in `table`, one of `files`, its numbers: the pin, else what it has, unless that is kept for
// another.
void renumber(AccountTable& table, const AccountTable& before, const std::map<std::string, std::uint32_t>& pins,
              const lock::Lock::Ids& all_pins, const AccountFiles& files, const char* what) {
  std::map<std::uint32_t, std::string> owners;
  for (const auto& [name, id] : numbers_of(before)) owners.emplace(id, name);
  for (Fields& line : table.lines) {
    const auto id = line.size() > 2 ? parse_number<std::uint32_t>(line[2]) : std::nullopt;
    if (!id || before.find(line[0]) != nullptr) continue;
    const auto pin = pins.find(line[0]);
    const bool kept_for_another = std::any_of(
        pins.begin(), pins.end(), [&](const auto& entry) { return entry.second == *id && entry.first != line[0]; });
    std::uint32_t final_id = *id;
    if (pin != pins.end()) final_id = pin->second;
    if (pin == pins.end() && kept_for_another) {
      auto free = number_of_group(files, line[0]);
      if (!free) free = next_free_id(files, all_pins);
      if (!free) throw Error(ErrorKind::input, fmt::format("no number below 1000 is free for '{}'", line[0]));
      final_id = *free;
    }
    line[2] = std::to_string(final_id);
    const auto [owner, is_first] = owners.emplace(final_id, line[0]);
    if (!is_first) {
      throw Error(ErrorKind::input,
                  fmt::format("the {}s '{}' and '{}' have the same number, {}", what, owner->second, line[0], final_id),
                  "one of the two packages has to go, or be built with another number");
    }
  }
}

// A user's group by its name, while its number may change.
void follow_groups(AccountTable& passwd, const AccountTable& passwd_before, const AccountTable& old_groups,
                   const AccountTable& new_groups) {
  std::map<std::string, std::string> new_number;
  for (std::size_t index = 0; index < old_groups.lines.size(); ++index) {
    const Fields& line = old_groups.lines[index];
    if (line.size() > 2) new_number.emplace(line[2], new_groups.lines[index][2]);
  }
  for (Fields& line : passwd.lines) {
    if (line.size() < 4 || passwd_before.find(line[0]) != nullptr) continue;
    const auto found = new_number.find(line[3]);
    if (found != new_number.end()) line[3] = found->second;
  }
}

// The lines of `base`, as they are now; with `others`, and then what the base does not have in either file.
AccountTable part_of(const AccountTable& now, const AccountTable& base, const AccountTable& others, bool with_new) {
  AccountTable part;
  part.there = base.there;
  for (const Fields& line : base.lines) {
    const Fields* current = line.size() > 1 ? now.find(line[0]) : nullptr;
    part.lines.push_back(current != nullptr ? *current : line);
  }
  for (const Fields& line : now.lines) {
    if (with_new && line.size() > 1 && base.find(line[0]) == nullptr && others.find(line[0]) == nullptr)
      part.lines.push_back(line);
  }
  return part;
}

// Of the day on which the build ran.
void forget_dates(AccountTable& shadow, const AccountTable& base) {
  for (Fields& line : shadow.lines) {
    if (line.size() > 2 && base.find(line[0]) == nullptr) line[2].clear();
  }
}

void remove_traces(ostree::Tree& tree) {
  for (const char* name : {".pwd.lock", "passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-"})
    tree.remove(fmt::format("/usr/etc/{}", name));
}

std::map<std::string, std::uint32_t> new_names(const std::map<std::string, std::uint32_t>& all,
                                               const AccountTable& base) {
  std::map<std::string, std::uint32_t> added;
  for (const auto& [name, id] : all) {
    if (base.find(name) == nullptr && name != "root") added.emplace(name, id);
  }
  return added;
}

[[noreturn]] void refuse_owner(const std::string& package, const std::string& path, const char* what,
                               const std::string& name) {
  throw Error(
      ErrorKind::input, fmt::format("'{}' of {} belongs to the {} '{}', which nobody makes", path, package, what, name),
      fmt::format("ship a file of /usr/lib/sysusers.d in an rpm of your own, or make it in the base: \"{} {} -\"",
                  std::string(what) == "user" ? "u" : "g", name));
}

// tmpfiles.d(5): type path mode user group.
void require_tmpfiles_owners(const std::string& text, const std::string& package, const std::string& path,
                             const UserNumbers& numbers) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string type;
    std::string target;
    std::string mode;
    std::string user = "-";
    std::string group = "-";
    words >> type >> target >> mode >> user >> group;
    if (type.empty() || type.starts_with("#")) continue;
    for (std::string* name : {&user, &group}) name->erase(0, name->starts_with(":") ? 1 : 0);
    const auto stands_for_itself = [](const std::string& name) {
      return name == "-" || parse_number<std::uint32_t>(name).has_value();
    };
    if (!stands_for_itself(user) && !numbers.users.contains(user))
      refuse_owner(package, fmt::format("{}' in '{}", target, path), "user", user);
    if (!stands_for_itself(group) && !numbers.groups.contains(group))
      refuse_owner(package, fmt::format("{}' in '{}", target, path), "group", group);
  }
}

}  // namespace

PackageUsers::PackageUsers(const ostree::Tree& base, lock::Lock::Ids pins)
    : base_{read_accounts(base, "/usr/etc"), read_accounts(base, "/usr/lib")}, pins_(std::move(pins)) {
  altfiles_ = base_.lib.passwd.there;
  require_free_pins(pins_.users, merge(base_.etc.passwd, base_.lib.passwd), "user");
  require_free_pins(pins_.groups, merge(base_.etc.group, base_.lib.group), "group");
}

void PackageUsers::begin(ostree::Tree& tree, const std::vector<rpm::PackageInfo>& packages) {
  merged_ = {merge(base_.etc.passwd, base_.lib.passwd), merge(base_.etc.group, base_.lib.group), base_.etc.shadow,
             base_.etc.gshadow};
  AccountFiles files = merged_;
  SysusersEvaluation(tree, files, pins_).run(declared_users(tree, packages));
  write_accounts(tree, "/usr/etc", files);
}

UserNumbers PackageUsers::finish(ostree::Tree& tree) {
  AccountFiles now = read_accounts(tree, "/usr/etc");
  require_kept(merged_.passwd, now.passwd, 2, "user");
  require_kept(merged_.group, now.group, 2, "group");
  require_kept(merged_.shadow, now.shadow, 1, "password of");
  const AccountTable old_groups = now.group;
  renumber(now.group, merged_.group, pins_.groups, pins_, now, "group");
  follow_groups(now.passwd, merged_.passwd, old_groups, now.group);
  renumber(now.passwd, merged_.passwd, pins_.users, pins_, now, "user");
  forget_dates(now.shadow, merged_.shadow);

  AccountFiles etc{part_of(now.passwd, base_.etc.passwd, base_.lib.passwd, !altfiles_),
                   part_of(now.group, base_.etc.group, base_.lib.group, !altfiles_),
                   part_of(now.shadow, base_.etc.shadow, {}, !altfiles_),
                   part_of(now.gshadow, base_.etc.gshadow, {}, !altfiles_)};
  write_accounts(tree, "/usr/etc", etc);
  if (altfiles_) {
    write_accounts(tree, "/usr/lib",
                   {part_of(now.passwd, base_.lib.passwd, base_.etc.passwd, true),
                    part_of(now.group, base_.lib.group, base_.etc.group, true),
                    {},
                    {}});
  }
  remove_traces(tree);

  UserNumbers numbers{numbers_of(now.passwd), numbers_of(now.group), {}};
  numbers.added = {new_names(numbers.users, merged_.passwd), new_names(numbers.groups, merged_.group)};
  numbers.users.emplace("root", 0);
  numbers.groups.emplace("root", 0);
  return numbers;
}

void require_owners(const ostree::Tree& tree, const std::vector<rpm::PackageInfo>& packages,
                    const UserNumbers& numbers) {
  for (const auto& package : packages) {
    const std::string& name = package.nevra.name;
    for (const auto& file : package.files) {
      if (!numbers.users.contains(file.user)) refuse_owner(name, file.path, "user", file.user);
      if (!numbers.groups.contains(file.group)) refuse_owner(name, file.path, "group", file.group);
      const bool tmpfiles = file.path.starts_with("/usr/lib/tmpfiles.d/") && file.path.ends_with(".conf");
      const auto node = tmpfiles ? tree.lookup(file.path) : std::nullopt;
      if (node && node->kind == ostree::NodeKind::file)
        require_tmpfiles_owners(tree.read(file.path), name, file.path, numbers);
    }
  }
}

}  // namespace compose::layers
