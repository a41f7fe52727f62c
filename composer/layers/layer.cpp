#include "layers/layer.hpp"

#include <fmt/format.h>

#include "support/digest.hpp"

namespace compose::layers {
namespace {

// Goes up when a layer makes something else of the same inputs, so that commits of older versions are not taken for it.
constexpr std::string_view layers_version = "1";

}  // namespace

std::string cache_ref(const Layer& layer, const std::string& previous) {
  const std::string identity = fmt::format("{}\n{}\n{}\n{}", layers_version, layer.name, previous, layer.inputs);
  return "compose/layer/" + sha256_hex(identity);
}

ostree::Tree open_labelled(Context& context, const std::string& commit) {
  ostree::Tree tree(context.repository, commit);
  tree.set_labels(context.labels.load(context.repository, commit, context.scratch));
  return tree;
}

std::string commit_layer(Context& context, ostree::Tree& tree, const std::string& layer, const std::string& previous) {
  ostree::CommitMetadata metadata;
  metadata.subject = "layer " + layer;
  metadata.timestamp = ostree::commit_timestamp(context.repository, previous);
  metadata.packages = ostree::commit_packages(context.repository, previous);
  return tree.commit(metadata);
}

}  // namespace compose::layers
