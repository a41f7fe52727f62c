#include "layers/agent.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include "agent/profile.hpp"
#include "agent/render.hpp"
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

agent::Settings settings_of(const recipe::Agent& wanted, const std::string& image_id) {
  return {wanted.cluster, wanted.environment, image_id};
}

void check_requirements(const ostree::Tree& tree, const agent::Profile& profile) {
  std::string missing;
  for (const auto& requirement : profile.requirements) {
    if (!tree.lookup(requirement.path)) missing += fmt::format("\n  {}: {}", requirement.path, requirement.reason);
  }
  if (missing.empty()) return;
  throw Error(ErrorKind::input, fmt::format("the tree lacks what the agent '{}' needs:{}", profile.name, missing),
              "choose a base that has it, or add it with an overlay");
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

std::string make(Context& context, const recipe::Agent& wanted, const agent::Profile& profile,
                 const std::string& digest, const std::string& previous) {
  const oci::Image image = oci::fetch_image(oci::parse_image_reference(image_of(wanted, profile)), digest,
                                            profile.image_name, context.cache / "images", context.events);
  ostree::Transaction transaction(context.repository);
  ostree::Tree tree = open_labelled(context, previous);
  check_requirements(tree, profile);
  for (const auto& file : agent::render(profile, settings_of(wanted, image.config_digest))) put(tree, file);
  tree.put_file_from(profile.image_archive, {0, 0, S_IFREG | 0644U, {}}, image.archive);
  const std::string commit = commit_layer(context, tree, "agent", previous);
  transaction.commit();
  return commit;
}

// Everything the profile and the recipe decide. The image's id is not known before the image is there; its digest
// stands for it.
std::string describe(const recipe::Agent& wanted, const agent::Profile& profile, const std::string& digest) {
  std::string text = fmt::format("image {} as {} at {}\n", digest, profile.image_name, profile.image_archive);
  for (const auto& file : agent::render(profile, settings_of(wanted, "sha256:" + std::string(64, '0')))) {
    text += fmt::format("{:?} {:o} {}:{} {:?} {}\n", file.path, file.meta.mode, file.meta.uid, file.meta.gid,
                        file.symlink_target, sha256_hex(file.content));
  }
  return text;
}

}  // namespace

lock::Lock::AgentImage resolve_agent_image(Context& context, const recipe::Agent& wanted) {
  const agent::Profile profile = agent::load_profile(wanted.profile);
  const oci::ImageReference reference = oci::parse_image_reference(image_of(wanted, profile));
  return {image_as_written(wanted, profile), oci::resolve_digest(reference, context.events)};
}

Layer agent_layer(const recipe::Agent& wanted, const lock::Lock& lock) {
  const agent::Profile profile = agent::load_profile(wanted.profile);
  const std::string image = image_as_written(wanted, profile);
  if (!lock.agent_image || lock.agent_image->image != image) {
    throw Error(ErrorKind::input,
                lock.agent_image ? fmt::format("the lock pins the agent image '{}', the recipe asks for '{}'",
                                               lock.agent_image->image, image)
                                 : fmt::format("the lock pins no agent image, the recipe asks for '{}'", image),
                "run 'atomic-compose resolve --update' to renew the lock");
  }
  const std::string digest = lock.agent_image->digest;
  Layer layer;
  layer.name = "agent";
  layer.inputs = describe(wanted, profile, digest);
  layer.make = [wanted, profile, digest](Context& context, const std::string& previous) {
    return make(context, wanted, profile, digest, previous);
  };
  return layer;
}

}  // namespace compose::layers
