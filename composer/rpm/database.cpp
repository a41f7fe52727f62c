#include "rpm/database.hpp"

#include <algorithm>

#include "rpm/header.hpp"
#include "rpm/open_database.hpp"

namespace compose::rpm {

const std::vector<std::string> database_folders{"/usr/share/rpm", "/usr/lib/sysimage/rpm", "/var/lib/rpm"};
const std::vector<std::string> database_files{"rpmdb.sqlite", "Packages.db", "Packages"};

std::vector<Nevra> installed_packages(const fs::path& rpmdb) {
  const LogCapture log(RPMLOG_ERR);
  std::vector<Nevra> packages;
  OpenDatabase(rpmdb).for_each([&](Header header) { packages.push_back(nevra_of(header)); });
  std::sort(packages.begin(), packages.end());
  return packages;
}

std::optional<PackageInfo> installed_package(const fs::path& rpmdb, const Nevra& nevra) {
  const LogCapture log(RPMLOG_ERR);
  std::optional<PackageInfo> found;
  OpenDatabase(rpmdb).for_each([&](Header header) {
    if (nevra_of(header) == nevra) found = info_of(header);
  });
  return found;
}

void for_each_installed(const fs::path& rpmdb, const std::function<void(const PackageInfo&)>& visit) {
  const LogCapture log(RPMLOG_ERR);
  OpenDatabase(rpmdb).for_each([&](Header header) { visit(info_of(header)); });
}

std::vector<InstalledTrigger> installed_file_triggers(const fs::path& rpmdb) {
  const LogCapture log(RPMLOG_ERR);
  std::map<Nevra, std::vector<Trigger>> by_package;
  OpenDatabase(rpmdb).for_each([&](Header header) {
    auto triggers = triggers_of(header);
    std::erase_if(triggers, [](const Trigger& trigger) { return trigger.kind == Trigger::Kind::package; });
    if (!triggers.empty()) by_package.emplace(nevra_of(header), std::move(triggers));
  });
  std::vector<InstalledTrigger> all;
  for (auto& [nevra, triggers] : by_package) {
    for (auto& trigger : triggers) all.push_back({nevra, std::move(trigger)});
  }
  return all;
}

// By the lists themselves: librpm's index of paths compares what they lead to on the host.
std::map<std::string, std::vector<Nevra>> owners_of(const fs::path& rpmdb, const std::set<std::string>& paths) {
  const LogCapture log(RPMLOG_ERR);
  std::map<std::string, std::vector<Nevra>> owners;
  OpenDatabase(rpmdb).for_each([&](Header header) {
    for (const auto& file : files_of(header)) {
      if (paths.contains(file.path)) owners[file.path].push_back(nevra_of(header));
    }
  });
  for (auto& [path, packages] : owners) std::sort(packages.begin(), packages.end());
  return owners;
}

}  // namespace compose::rpm
