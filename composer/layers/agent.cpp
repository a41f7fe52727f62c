#include "layers/agent.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include "agent/profile.hpp"
#include "agent/render.hpp"
#include "agent/runtime.hpp"
#include "oci/image.hpp"
#include "ostree/transaction.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace compose::layers {
namespace {

std::string image_of(const recipe::Agent& wanted, const agent::Profile& profile) {
  return wanted.image.value_or(profile.image);
}

// As people wrote it: the lock is kept beside the recipe and must not name a folder of one machine.
std::string image_as_written(const recipe::Agent& wanted, const agent::Profile& profile) {
  return wanted.image_as_written.value_or(profile.image);
}

agent::Settings settings_of(const recipe::Agent& wanted, const std::string& runtime, const std::string& image_id) {
  return {wanted.cluster, wanted.environment, wanted.options, runtime, image_id, wanted.form};
}

void put(ostree::Tree& tree, const agent::GeneratedFile& file) {
  if (S_ISDIR(file.meta.mode)) {
    tree.put_directory(file.path, file.meta);
  } else if (S_ISLNK(file.meta.mode)) {
    tree.put_symlink(file.path, file.symlink_target, file.meta);
  } else {
    tree.put_file(file.path, file.meta, file.content);
  }
}

std::string choose_runtime(const recipe::Agent& wanted, const agent::Profile& profile, const ostree::Tree& base) {
  if (wanted.runtime) return *wanted.runtime;
  std::vector<std::string> programs;
  for (const auto& name : agent::runtimes_of(profile, wanted.form)) {
    if (name.empty()) return name;
    programs.push_back(agent::find_runtime(name)->program);
    if (base.lookup(programs.back())) return name;
  }
  throw Error(ErrorKind::input,
              fmt::format("agent '{}' needs a container runtime, and the base has none: looked for {}", profile.name,
                          fmt::join(programs, ", ")),
              "choose a base that brings one, such as moby-engine or podman on Fedora");
}

struct AgentLayer {
  recipe::Agent wanted;
  agent::Profile profile;
  std::string name;
  std::string digest;  // the image's; empty for an agent as RPM
};

bool in_container(const recipe::Agent& agent) { return agent.form == recipe::AgentForm::container; }

// The configuration that the agent's package has brought stays where the recipe says nothing.
void keep_packaged_config(const ostree::Tree& tree, const agent::Profile& profile, agent::GeneratedFile& file) {
  if (profile.config_path.empty() || (file.path != profile.config_path && file.path != "/usr" + profile.config_path))
    return;
  const auto packaged = tree.lookup(file.path);
  if (packaged && packaged->kind == ostree::NodeKind::file)
    file.content = agent::config_over(tree.read(file.path), file.content);
}

void put_agent(ostree::Tree& tree, const AgentLayer& layer, const std::string& runtime,
               const std::optional<oci::Image>& image) {
  const auto& [wanted, profile, name, digest] = layer;
  for (auto& file : agent::render(profile, settings_of(wanted, runtime, image ? image->config_digest : ""))) {
    if (!in_container(wanted)) keep_packaged_config(tree, profile, file);
    put(tree, file);
  }
  if (image) tree.put_file_from(profile.image_archive, {0, 0, S_IFREG | 0644U, {}}, image->archive);
}

std::string make(Context& context, const AgentLayer& layer, const std::string& previous) {
  const auto& [wanted, profile, name, digest] = layer;
  std::optional<oci::Image> image;
  if (in_container(wanted)) {
    image = oci::fetch_image(oci::parse_image_reference(image_of(wanted, profile)), digest, profile.image_name,
                             context.cache / "images", context.events);
  }
  ostree::Transaction transaction(context.repository);
  ostree::Tree tree = open_labelled(context, previous);
  const std::string runtime = choose_runtime(wanted, profile, ostree::Tree(context.repository, context.foundation));
  put_agent(tree, layer, runtime, image);
  const std::string commit = commit_layer(context, tree, name, previous);
  transaction.commit();
  return commit;
}

// Everything the profile and the recipe decide, under each runtime that may be found. The image's id is not known
// before the image is there; its digest stands for it.
std::string describe(const recipe::Agent& wanted, const agent::Profile& profile, const std::string& digest) {
  std::string text = in_container(wanted)
                         ? fmt::format("image {} as {} at {}\n", digest, profile.image_name, profile.image_archive)
                         : "rpm\n";
  const auto runtimes = wanted.runtime ? std::vector{*wanted.runtime} : agent::runtimes_of(profile, wanted.form);
  for (const auto& runtime : runtimes) {
    text += runtime + "\n";
    for (const auto& file : agent::render(profile, settings_of(wanted, runtime, "sha256:" + std::string(64, '0')))) {
      text += fmt::format("{:?} {:o} {}:{} {:?} {}\n", file.path, file.meta.mode, file.meta.uid, file.meta.gid,
                          file.symlink_target, sha256_hex(file.content));
    }
  }
  return text;
}

// Throws Error(input) when the lock does not have it.
std::string locked_digest(const std::string& image, const lock::Lock& lock) {
  if (const auto* locked = lock::find_image(lock, image)) return locked->digest;
  std::vector<std::string> pinned;
  for (const auto& known : lock.agent_images) pinned.push_back("'" + known.image + "'");
  throw Error(ErrorKind::input,
              fmt::format("the recipe asks for the agent image '{}', the lock pins {}", image,
                          pinned.empty() ? "none" : fmt::format("{}", fmt::join(pinned, ", "))),
              "run 'atomic-compose resolve --update' to renew the lock");
}

std::vector<agent::Chosen> agents_that_go_together(const std::vector<recipe::Agent>& agents) {
  std::vector<agent::Chosen> chosen = chosen_agents(agents);
  const auto findings = agent::check_choices(chosen);
  if (findings.empty()) return chosen;
  throw Error(ErrorKind::input, agent::explain("the agents do not go together", findings));
}

}  // namespace

std::vector<agent::Chosen> chosen_agents(const std::vector<recipe::Agent>& agents) {
  std::vector<agent::Chosen> chosen;
  for (const auto& wanted : agents) {
    agent::Profile profile = agent::load_profile(wanted.profile);
    const std::string runtime = wanted.runtime.value_or(agent::runtimes_of(profile, wanted.form).front());
    chosen.push_back({std::move(profile), settings_of(wanted, runtime, "")});
  }
  return chosen;
}

std::vector<agent::Chosen> on_base(std::vector<agent::Chosen> agents, const std::vector<recipe::Agent>& wanted,
                                   const ostree::Tree& base) {
  for (std::size_t i = 0; i < agents.size(); ++i)
    agents[i].settings.runtime = choose_runtime(wanted[i], agents[i].profile, base);
  return agents;
}

std::vector<recipe::Placed> packages_of(const std::vector<recipe::Agent>& agents) {
  std::vector<recipe::Placed> packages;
  for (const auto& wanted : agents) {
    if (in_container(wanted)) continue;
    const agent::Profile profile = agent::load_profile(wanted.profile);
    agent::runtimes_of(profile, wanted.form);  // says so when there is no package
    const auto names = wanted.package ? std::vector{*wanted.package} : profile.package->install;
    for (const std::string& name : names) packages.push_back({name, wanted.package_place});
  }
  return packages;
}

std::vector<lock::Lock::AgentImage> resolve_agent_images(Context& context, const std::vector<recipe::Agent>& agents) {
  const auto chosen = agents_that_go_together(agents);
  std::vector<lock::Lock::AgentImage> images;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    if (!in_container(agents[i])) continue;
    const oci::ImageReference reference = oci::parse_image_reference(image_of(agents[i], chosen[i].profile));
    images.push_back({image_as_written(agents[i], chosen[i].profile), oci::resolve_digest(reference, context.events)});
  }
  return images;
}

std::vector<Layer> agent_layers(const std::vector<recipe::Agent>& agents, const lock::Lock& lock) {
  const auto chosen = agents_that_go_together(agents);
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    const agent::Profile& profile = chosen[i].profile;
    const std::string name = agents.size() == 1 ? "agent" : "agent:" + profile.name;
    const std::string digest = in_container(agents[i]) ? locked_digest(image_as_written(agents[i], profile), lock) : "";
    const AgentLayer parts{agents[i], profile, name, digest};
    Layer layer;
    layer.name = name;
    layer.inputs = describe(agents[i], profile, digest);
    layer.make = [parts](Context& context, const std::string& previous) { return make(context, parts, previous); };
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace compose::layers
