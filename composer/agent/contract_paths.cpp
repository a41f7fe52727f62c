#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/contract_rules.hpp"
#include "agent/systemd.hpp"

namespace compose::agent {
namespace {

using Kind = Requirement::Kind;
constexpr std::uint32_t kExecutable = 0111;

// Links of an OSTree host's root, and where each leads.
struct VarLink {
  std::string_view path;
  std::string_view target;
};
constexpr std::array<VarLink, 3> kVarLinks{{{"/mnt", "/var/mnt"}, {"/opt", "/var/opt"}, {"/srv", "/var/srv"}}};

std::string below(const std::string& path, std::string_view folder) {
  return path.starts_with(std::string(folder) + "/") ? path.substr(folder.size()) : std::string();
}

bool is_var_link(const HostTree& host, const VarLink& link) {
  return host.resolve(std::string(link.path)).path == link.target;
}

bool lacks_var_link(const HostTree& host, const std::string& path) {
  return std::any_of(kVarLinks.begin(), kVarLinks.end(),
                     [&](const VarLink& link) { return !below(path, link.path).empty() && !is_var_link(host, link); });
}

// Why there is nothing at the end of `path`, for a sentence about it.
std::string absence(const std::string& path, const Place& place) {
  if (place.circular) return "its symbolic links lead in a circle";
  if (place.path != path) return fmt::format("it leads to '{}', which the tree does not have", place.path);
  return "the tree does not have it";
}

void require_any(const Subject& subject, const Requirement& requirement) {
  for (const std::string& path : requirement.names) {
    if (subject.host.is_there(subject.host.resolve(path))) return;
  }
  subject.add({"missing-any", fmt::format("{}", fmt::join(requirement.names, ", ")),
               fmt::format("the tree has none of them: {}", requirement.reason), requirement.fix});
}

void check_bind(const Subject& subject, const Bind& bind) {
  const std::string who = fmt::format("the container of agent '{}' gets this path of the host", subject.profile().name);
  const std::string file = subject.profile().file.string();
  const Place place = subject.host.resolve(bind.source);
  const bool there = subject.host.is_there(place);
  const bool read_only_root = HostTree::is_read_only(place.path);
  if (there && read_only_root && !bind.read_only && place.path != "/") {
    subject.add({"bind-not-writable", bind.source,
                 fmt::format("{} to write to, but it is part of the read-only root: every write fails", who),
                 fmt::format("write read_only = true at this bind in {}", file)});
  }
  if (there || bind.optional || lacks_var_link(subject.host, bind.source)) return;
  if (read_only_root || place.circular) {
    subject.add({"bind-read-only-root", bind.source,
                 fmt::format("{}; {}, and on the read-only root nothing can make it: the runtime tries and fails, and "
                             "the agent never starts",
                             who, absence(bind.source, place)),
                 fmt::format("choose a base that brings it, put it into an overlay, or write optional = true at this "
                             "bind in {}",
                             file)});
  } else {
    subject.add(
        {"bind-source", bind.source,
         fmt::format("{}, and nothing makes it before the agent starts: podman refuses to run the container, "
                     "Docker makes an empty folder of that name",
                     who),
         fmt::format("add a [[directory]] or optional = true in {}, or a tmpfiles.d line in an overlay", file)});
  }
}

void check_var_link(const Subject& subject, const std::string& path) {
  for (const VarLink& link : kVarLinks) {
    const std::string written_below = below(path, link.target);
    if ((written_below.empty() && below(path, link.path).empty()) || is_var_link(subject.host, link)) continue;
    const std::string seen =
        fmt::format("{}{}", link.path, written_below.empty() ? below(path, link.path) : written_below);
    subject.add({"var-link", std::string(link.path),
                 fmt::format("the agent '{}' uses '{}', which is '{}' on a host with a read-only root; the tree has no "
                             "link {} -> {}, so the path is not there and cannot be made",
                             subject.profile().name, seen, std::string(link.target) + seen.substr(link.path.size()),
                             link.path, link.target.substr(1)),
                 fmt::format("choose a base with the link, or put the symbolic link '{}' to '{}' into an overlay",
                             link.path.substr(1), link.target.substr(1))});
  }
}

}  // namespace

void require_file(const Subject& subject, const Requirement& requirement) {
  const std::string& path = requirement.names.front();
  const Place place = subject.host.resolve(path);
  const bool program = requirement.kind == Kind::program;
  if (!subject.host.is_there(place)) {
    const bool link = place.circular || place.path != path;
    subject.add({link      ? "broken-link"
                 : program ? "missing-program"
                           : "missing-file",
                 path, fmt::format("{}: {}", absence(path, place), requirement.reason), requirement.fix});
  } else if (program && place.entry.kind == TreeEntry::Kind::directory) {
    subject.add({"not-executable", path, fmt::format("it is a folder, not a program: {}", requirement.reason),
                 requirement.fix});
  } else if (program && place.entry.kind == TreeEntry::Kind::file && (place.entry.mode & kExecutable) == 0) {
    subject.add({"not-executable", path,
                 fmt::format("its mode {:04o} lets nobody run it: {}", place.entry.mode, requirement.reason),
                 "give the file mode 0755, in the base or in the overlay that brings it"});
  }
}

void require_unit(const Subject& subject, const std::string& name, const std::string& reason, const std::string& fix) {
  const auto unit = find_unit(subject.host, name);
  if (!unit) {
    subject.add({"missing-unit", name,
                 fmt::format("neither /usr/lib/systemd/system nor /etc/systemd/system has it: {}", reason), fix});
  } else if (unit->masked) {
    subject.add({"masked-unit", name, fmt::format("'{}' masks it, so systemd never starts it: {}", unit->path, reason),
                 fmt::format("remove '{}' from the overlay or the base that brings it", unit->path)});
  }
}

void check_requirements(const Subject& subject) {
  for (const Requirement& requirement : subject.profile().requirements) {
    if (!subject.counts(requirement)) continue;
    switch (requirement.kind) {
      case Kind::file:
      case Kind::program:
        require_file(subject, requirement);
        break;
      case Kind::unit:
        require_unit(subject, requirement.names.front(), requirement.reason, requirement.fix);
        break;
      case Kind::any:
        require_any(subject, requirement);
    }
  }
}

void check_binds(const Subject& subject) {
  for (const Bind& bind : subject.profile().binds) {
    if (subject.counts(bind.runtime)) check_bind(subject, bind);
  }
}

void check_var_links(const Subject& subject) {
  for (const Directory& directory : subject.profile().directories) {
    if (subject.counts(directory)) check_var_link(subject, directory.path);
  }
  if (!subject.in_container()) return;
  for (const Bind& bind : subject.profile().binds) {
    if (subject.counts(bind.runtime) && !bind.optional) check_var_link(subject, bind.source);
  }
}

void check_config(const Subject& subject) {
  const std::string& path = subject.profile().config_path;
  if (path.empty() || !HostTree::is_read_only(subject.host.resolve(path).path)) return;
  subject.add({"config-read-only", path,
               fmt::format("user data and people configure the agent '{}' here, but the file is part of the read-only "
                           "root: no host can be told anything",
                           subject.profile().name),
               fmt::format("name a path below /etc as [config] path in {}", subject.profile().file.string())});
}

}  // namespace compose::agent
