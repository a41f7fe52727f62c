#include "layers/finish.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include "agent/contract.hpp"
#include "layers/agent.hpp"
#include "layers/lint.hpp"
#include "layers/remote.hpp"
#include "layers/tree_reader.hpp"
#include "ostree/transaction.hpp"
#include "support/error.hpp"

namespace compose::layers {
namespace {

// Layers label what they add by the policy they found. A later layer may have brought another policy: the final one
// counts.
void relabel_added(Context& context, ostree::Tree& tree, const std::string& base, const std::string& previous) {
  const auto label = context.labels.load(context.repository, previous, context.scratch);
  if (!label) return;
  ostree::for_each_added(context.repository, base, previous, [&](const std::string& path, const ostree::Node& node) {
    const std::string running = path.starts_with("/usr/etc") ? path.substr(4) : path;
    const std::string wanted = label(running, node.meta.mode);
    const auto current = node.meta.xattrs.find("security.selinux");
    if (wanted.empty() || (current != node.meta.xattrs.end() && current->second == wanted + '\0')) return;
    FileMeta meta = node.meta;
    meta.xattrs["security.selinux"] = wanted + '\0';
    tree.set_meta(path, meta);
  });
}

// A recipe's agents, with their profiles as they were when the layer was described.
struct Agents {
  std::vector<recipe::Agent> wanted;
  std::vector<agent::Chosen> chosen;
};

// Everything that would fail on a host is told at once.
void check_tree(Context& context, const Agents& agents, const std::string& commit) {
  const std::string& foundation = context.foundation;
  auto findings = lint(context.repository, foundation, commit);
  const ostree::Tree tree(context.repository, commit);
  const OstreeReader reader(tree);
  for (const auto& agent : on_base(agents.chosen, agents.wanted, ostree::Tree(context.repository, foundation))) {
    for (auto& finding : agent::check_contract(agent, reader)) findings.push_back(std::move(finding));
  }
  if (!findings.empty()) throw Error(ErrorKind::input, agent::explain("the tree would not work on a host", findings));
}

// What the contract is checked by, besides the tree.
std::string describe(const Agents& agents) {
  std::string text;
  for (std::size_t i = 0; i < agents.wanted.size(); ++i) {
    const recipe::Agent& wanted = agents.wanted[i];
    text += fmt::format("agent {} {}\n", agents.chosen[i].profile.digest, wanted.runtime.value_or(""));
    for (const auto& [name, choice] : wanted.options) text += fmt::format("option {} {}\n", name, choice.value);
  }
  return text;
}

ostree::CommitMetadata metadata_of(Context& context, const Release& release, const std::string& base,
                                   const std::string& previous, const std::string& kernel) {
  ostree::CommitMetadata metadata;
  metadata.subject = fmt::format("{} {}", release.name, release.version);
  metadata.timestamp = ostree::commit_timestamp(context.repository, base);
  metadata.strings = {{"version", release.version},
                      {"ostree.linux", kernel},
                      {"atomic-compose.lock", release.lock_digest},
                      {"atomic-compose.base", base}};
  metadata.booleans = {{"ostree.bootable", true}};
  metadata.ref_binding = release.ref;
  metadata.packages = ostree::commit_packages(context.repository, previous);
  return metadata;
}

std::string make(Context& context, const Release& release, const std::string& base, const Agents& agents,
                 const sign::SecretKey& key, const std::string& previous) {
  check_tree(context, agents, previous);
  ostree::Transaction transaction(context.repository);
  ostree::Tree tree = open_labelled(context, previous);
  relabel_added(context, tree, base, previous);
  const std::string key_file = "/usr/share/ostree/trusted.ed25519.d/" + release.name;
  tree.put_file(key_file, {0, 0, S_IFREG | 0644U, {}}, sign::to_base64(key.public_key()) + "\n");
  if (release.upgrades) put_remote(tree, *release.upgrades, key_file);
  const std::string commit = tree.commit(metadata_of(context, release, base, previous, kernel_version(tree)));
  transaction.commit();
  ostree::set_commit_signature(context.repository, commit, key.sign(ostree::commit_bytes(context.repository, commit)));
  return commit;
}

}  // namespace

Layer finish_layer(const Release& release, const std::string& base, const std::vector<recipe::Agent>& wanted,
                   const sign::SecretKey& key) {
  const Agents agents{wanted, chosen_agents(wanted)};
  Layer layer;
  layer.name = "finish";
  layer.inputs = fmt::format("name {}\nversion {}\nref {}\nlock {}\nbase {}\nkey {}\n", release.name, release.version,
                             release.ref, release.lock_digest, base, sign::to_base64(key.public_key())) +
                 describe(agents) + (release.upgrades ? describe_remote(*release.upgrades) : "");
  layer.make = [release, base, agents, &key](Context& context, const std::string& previous) {
    return make(context, release, base, agents, key, previous);
  };
  return layer;
}

}  // namespace compose::layers
