#include "build/chain.hpp"

#include <fmt/format.h>

#include "layers/agent.hpp"
#include "layers/base.hpp"
#include "layers/finish.hpp"
#include "layers/overlay.hpp"
#include "layers/packages.hpp"
#include "layers/volumes.hpp"
#include "support/error.hpp"

namespace compose::build {
namespace {

// The base may be what `ref` names, and yet pruned or only half there; a layer of ours is whole when its ref is.
std::optional<std::string> find(Workspace& workspace, const std::string& ref) {
  auto commit = workspace.repository().resolve(ref);
  if (commit && !workspace.repository().has_complete_commit(*commit)) return std::nullopt;
  return commit;
}

std::uint64_t added_bytes(Workspace& workspace, const std::string& from, const std::string& to) {
  std::uint64_t total = 0;
  ostree::for_each_added(workspace.repository(), from, to,
                         [&](const std::string&, const ostree::Node& node) { total += node.size_bytes; });
  return total;
}

std::string make_layer(const layers::Layer& layer, const std::string& previous, layers::Context& context) {
  return with_context(fmt::format("making the layer '{}'", layer.name), [&] { return layer.make(context, previous); });
}

}  // namespace

std::vector<layers::Layer> layers_of(const recipe::Recipe& recipe, const lock::Lock& lock, const sign::SecretKey& key) {
  if (lock.base.ref != recipe.base.ref) {
    throw Error(ErrorKind::input,
                fmt::format("the lock pins the base '{}', the recipe asks for '{}'", lock.base.ref, recipe.base.ref),
                "run 'atomic-compose resolve --update' to renew the lock");
  }
  std::vector<layers::Layer> chain;
  chain.push_back(layers::base_layer(recipe.base, lock.base.commit));
  if (recipe.packages) chain.push_back(layers::packages_layer(*recipe.packages, lock));
  for (auto& layer : layers::agent_layers(recipe.agents, lock)) chain.push_back(std::move(layer));
  for (const auto& overlay : recipe.overlays) chain.push_back(layers::overlay_layer(overlay));
  if (!recipe.disk.volumes.empty()) chain.push_back(layers::volumes_layer(recipe.disk.volumes));
  const layers::Release release{recipe.name, recipe.version, recipe.ref, lock::digest(lock), recipe.publish.ostree};
  chain.push_back(layers::finish_layer(release, lock.base.commit, recipe.agents, key));
  return chain;
}

std::vector<Link> plan_chain(Workspace& workspace, const std::vector<layers::Layer>& layers) {
  std::vector<Link> links;
  std::optional<std::string> previous = "";
  for (const auto& layer : layers) {
    Link link{layer.name, {}, std::nullopt};
    if (previous) {
      link.ref = layers::cache_ref(layer, *previous);
      link.commit = find(workspace, link.ref);
    }
    previous = link.commit;
    links.push_back(std::move(link));
  }
  return links;
}

std::vector<LayerReport> make_chain(Workspace& workspace, const std::vector<layers::Layer>& layers,
                                    layers::Context& context) {
  std::vector<LayerReport> reports;
  std::string previous;
  for (const auto& layer : layers) {
    Stage stage(context.events, layer.name);
    const std::string ref = layers::cache_ref(layer, previous);
    LayerReport report{layer.name, {}, false, 0};
    if (const auto found = find(workspace, ref)) {
      report.commit = *found;
      report.reused = true;
    } else {
      report.commit = make_layer(layer, previous, context);
      workspace.repository().set_ref(ref, report.commit);
    }
    if (layer.is_foundation) context.foundation = report.commit;
    if (!previous.empty()) report.added_bytes = added_bytes(workspace, previous, report.commit);
    stage.finish(fmt::format("{} {}", report.commit.substr(0, 12), report.reused ? "reused" : "made"));
    previous = report.commit;
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace compose::build
