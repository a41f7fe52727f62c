#pragma once
// The rules of the contract, for contract.cpp alone. Each adds what it finds.

#include <string>
#include <vector>

#include "agent/contract.hpp"
#include "agent/runtime.hpp"

namespace compose::agent {

// What a rule looks at, and where its findings go.
struct Subject {
  const Chosen& agent;
  Runtime runtime;
  const HostTree& host;
  std::vector<Finding>& findings;

  const Profile& profile() const { return agent.profile; }
  bool counts(const std::string& of_runtime) const { return counts_under(of_runtime, agent.settings); }
  template <typename Item>
  bool counts(const Item& item) const {
    return agent::counts(item, agent.settings);
  }
  bool in_container() const { return agent.settings.form == Form::container; }
  // The first finding of an id about a path stays the only one: a profile knows more about its runtime than we do.
  void add(Finding finding) const;
};

// contract_paths.cpp
void check_requirements(const Subject& subject);  // files, programs, units, one of several
void check_binds(const Subject& subject);
void check_var_links(const Subject& subject);  // /mnt, /opt and /srv
void check_config(const Subject& subject);

// contract_systemd.cpp
void check_runtime(const Subject& subject);
void check_package(const Subject& subject);  // an agent as RPM
void check_presets(const Subject& subject);
void check_sysctls(const Subject& subject);
void check_ports(const Subject& subject);
void check_selinux(const Subject& subject);

// Adds a finding unless the file or program can be used.
void require_file(const Subject& subject, const Requirement& requirement);
// Adds a finding unless the unit is in the tree and not masked.
void require_unit(const Subject& subject, const std::string& name, const std::string& reason, const std::string& fix);

}  // namespace compose::agent
