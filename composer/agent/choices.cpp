#include "agent/choices.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include "agent/runtime.hpp"
#include "agent/systemd.hpp"

namespace compose::agent {
namespace {

// Two agents of a recipe, and what each puts into the tree.
struct Pair {
  const Chosen& first;
  const Chosen& second;
  const std::vector<GeneratedFile>& first_files;
  const std::vector<GeneratedFile>& second_files;
  std::vector<Finding>& findings;

  std::string names() const { return fmt::format("'{}' and '{}'", first.profile.name, second.profile.name); }
};

std::string leave_one_out(const Pair& pair) {
  return fmt::format("leave one of the two out of the recipe, or change it in {} or {}",
                     pair.first.profile.file.string(), pair.second.profile.file.string());
}

bool both_in_containers(const Pair& pair) {
  return pair.first.settings.form == Form::container && pair.second.settings.form == Form::container;
}

void check_container(const Pair& pair) {
  if (!both_in_containers(pair) || pair.first.profile.container != pair.second.profile.container) return;
  pair.findings.push_back(
      {"container-name", pair.first.profile.container,
       fmt::format("the agents {} both call their container so: each removes the other's when it starts", pair.names()),
       leave_one_out(pair)});
}

void check_ports(const Pair& pair) {
  for (const Port& one : pair.first.profile.ports) {
    for (const Port& other : pair.second.profile.ports) {
      if (one.number != other.number) continue;
      pair.findings.push_back(
          {"port-twice", std::to_string(one.number),
           fmt::format("the agents {} both listen on this port ({}; {}): the one that starts second fails",
                       pair.names(), one.meaning, other.meaning),
           leave_one_out(pair)});
    }
  }
}

const Directory* directory_at(const Chosen& agent, const std::string& path) {
  for (const Directory& directory : agent.profile.directories) {
    if (directory.path == path && counts(directory, agent.settings)) return &directory;
  }
  return nullptr;
}

std::string described(const Directory& directory) {
  return fmt::format("{:04o} {}:{}", directory.mode, directory.owner, directory.group);
}

void check_directories(const Pair& pair) {
  for (const Directory& one : pair.first.profile.directories) {
    if (!counts(one, pair.first.settings)) continue;
    const Directory* other = directory_at(pair.second, one.path);
    if (other == nullptr || described(one) == described(*other)) continue;
    pair.findings.push_back({"directory-differs", one.path,
                             fmt::format("the agents {} both make this folder, one as {}, the other as {}: which holds "
                                         "depends on their order",
                                         pair.names(), described(one), described(*other)),
                             fmt::format("write the same mode and owner in {} and {}", pair.first.profile.file.string(),
                                         pair.second.profile.file.string())});
  }
}

const GeneratedFile* file_at(const std::vector<GeneratedFile>& files, const std::string& path) {
  for (const GeneratedFile& file : files) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

void check_paths(const Pair& pair) {
  const auto check = [&](const std::string& path) {
    pair.findings.push_back(
        {"path-twice", path,
         fmt::format("the agents {} both put something here, and the tree has room for one", pair.names()),
         leave_one_out(pair)});
  };
  for (const GeneratedFile& file : pair.first_files) {
    const GeneratedFile* other = file_at(pair.second_files, file.path);
    if (other != nullptr && !(S_ISDIR(file.meta.mode) && S_ISDIR(other->meta.mode))) check(file.path);
  }
  const std::string& archive = pair.first.profile.image_archive;
  if (both_in_containers(pair) && archive == pair.second.profile.image_archive) check(archive);
}

void check_sysctls(const Pair& pair) {
  for (const Sysctl& one : pair.first.profile.sysctls) {
    for (const Sysctl& other : pair.second.profile.sysctls) {
      if (one.key != other.key || one.value == other.value) continue;
      pair.findings.push_back({"sysctl-differs", one.key,
                               fmt::format("the agents {} need different values: {} ({}) and {} ({})", pair.names(),
                                           one.value, one.reason, other.value, other.reason),
                               "leave one of the two out of the recipe"});
    }
  }
}

// One agent's runtime listens where the other's files put a link to another runtime's socket.
void check_socket(const Pair& pair, const Chosen& owner, const Chosen& other, const std::vector<GeneratedFile>& files) {
  const auto runtime = find_runtime(owner.settings.runtime);
  if (!runtime || owner.settings.runtime == other.settings.runtime) return;
  for (const GeneratedFile& file : files) {
    if (!file.path.starts_with("/usr/lib/tmpfiles.d/")) continue;
    for (const TmpfilesLine& line : tmpfiles_lines(file.content)) {
      if (line.makes_nothing() || line.path != runtime->socket) continue;
      pair.findings.push_back(
          {"runtime-socket-taken", runtime->socket,
           fmt::format("the agent '{}' runs under {}, which listens here, and '{}' under {}, which puts something else "
                       "here ({})",
                       owner.profile.name, runtime->name, other.profile.name, other.settings.runtime, file.path),
           fmt::format("write the same runtime at both [[agent]], such as runtime = \"{}\"", runtime->name)});
    }
  }
}

void check_pair(const Pair& pair) {
  if (pair.first.profile.name == pair.second.profile.name) {
    pair.findings.push_back({"agent-twice", pair.first.profile.name,
                             "two agents of the recipe have this name: their files and containers are the same",
                             "leave one of the two [[agent]] out"});
    return;
  }
  check_container(pair);
  check_ports(pair);
  check_paths(pair);
  check_directories(pair);
  check_sysctls(pair);
  check_socket(pair, pair.first, pair.second, pair.second_files);
  check_socket(pair, pair.second, pair.first, pair.first_files);
}

}  // namespace

std::vector<Finding> check_choices(const std::vector<Chosen>& agents) {
  std::vector<std::vector<GeneratedFile>> files;
  for (const Chosen& agent : agents) files.push_back(render(agent.profile, agent.settings));
  std::vector<Finding> findings;
  for (std::size_t second = 0; second < agents.size(); ++second) {
    for (std::size_t first = 0; first < second; ++first)
      check_pair({agents[first], agents[second], files[first], files[second], findings});
  }
  return findings;
}

}  // namespace compose::agent
