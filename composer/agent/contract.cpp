#include "agent/contract.hpp"

#include <algorithm>

#include "agent/contract_rules.hpp"
#include "agent/systemd.hpp"

namespace compose::agent {
namespace {

// What other units make while they start, before an agent: the sockets of the tree, the folders of the agent's own
// units.
void add_made_by_units(const Chosen& agent, HostTree& host) {
  for (const std::string& name : host.names_in(std::string(kUnitFolder))) {
    if (!name.ends_with(".socket")) continue;
    const auto unit = find_unit(host, name);
    for (const std::string& socket : values_of(unit ? unit->text : "", "ListenStream")) {
      if (socket.starts_with('/')) host.add_made(host.resolve(socket).path);
    }
  }
  for (const TemplateFile& file : agent.profile.files) {
    if (!file.path.starts_with(kUnitFolder) || !counts(file, agent.settings)) continue;
    for (const auto& [key, root] :
         {std::pair{"RuntimeDirectory", "/run/"}, std::pair{"StateDirectory", "/var/lib/"},
          std::pair{"CacheDirectory", "/var/cache/"}, std::pair{"LogsDirectory", "/var/log/"}}) {
      for (const std::string& names : values_of(host.text(file.path), key)) {
        for (const std::string& name : words_of(names)) host.add_made(root + name);
      }
    }
  }
}

}  // namespace

void Subject::add(Finding finding) const {
  const auto same = [&](const Finding& other) { return other.id == finding.id && other.path == finding.path; };
  if (std::none_of(findings.begin(), findings.end(), same)) findings.push_back(std::move(finding));
}

std::vector<Finding> check_contract(const Chosen& agent, const TreeReader& tree) {
  const auto runtime = find_runtime(agent.settings.runtime);
  std::vector<Finding> findings;
  HostTree host(tree);
  add_made_by_units(agent, host);
  const Subject subject{agent, runtime.value_or(Runtime()), host, findings};
  check_requirements(subject);
  check_runtime(subject);
  check_package(subject);
  if (subject.in_container()) check_binds(subject);
  check_var_links(subject);
  check_config(subject);
  check_presets(subject);
  check_sysctls(subject);
  check_ports(subject);
  if (subject.in_container()) check_selinux(subject);
  return findings;
}

}  // namespace compose::agent
