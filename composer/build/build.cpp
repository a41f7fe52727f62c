#include "build/build.hpp"

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "build/disks.hpp"
#include "layers/agent.hpp"
#include "layers/base.hpp"
#include "layers/packages.hpp"

namespace compose::build {

namespace {

void resolve_packages(const recipe::Recipe& recipe, const ResolveOptions& options, Workspace& workspace,
                      layers::Context& context, lock::Lock& lock) {
  layers::PackagesQuestion question;
  question.wanted = *recipe.packages;
  question.agents = layers::packages_of(recipe.agents);
  make_chain(workspace, {layers::base_layer(recipe.base, lock.base.commit)}, context);
  question.base = lock.base.commit;
  if (options.previous) question.previous = *options.previous;
  question.renew = options.renew;
  const layers::PackagesAnswer answer = layers::resolve_packages(context, question);
  lock.packages = answer.packages;
  lock.removed_packages = answer.removed;
  lock.ids = answer.ids;
}

}  // namespace

lock::Lock resolve(const recipe::Recipe& recipe, Workspace& workspace, const ResolveOptions& options, Events& events) {
  Stage stage(events, "resolve", recipe.name);
  layers::Context context{workspace.repository(), workspace.tmp(), workspace.cache(), events};
  lock::Lock lock;
  if (options.previous && !options.renew.empty()) {
    lock = *options.previous;
  } else {
    lock.base.ref = recipe.base.ref;
    lock.base.commit = layers::resolve_base(context, recipe.base);
    lock.base.version = ostree::commit_string(workspace.repository(), lock.base.commit, "version").value_or("");
    lock.agent_images = layers::resolve_agent_images(context, recipe.agents);
  }
  if (recipe.packages) resolve_packages(recipe, options, workspace, context, lock);
  stage.finish(lock.base.commit.substr(0, 12));
  return lock;
}

fs::path disk_path(const recipe::Recipe& recipe, const Options& options, const std::string& format) {
  return fs::absolute(options.out) / fmt::format("{}-{}.{}", recipe.name, recipe.version, format);
}

BuildReport run_build(const recipe::Recipe& recipe, const lock::Lock& lock, const sign::SecretKey& key,
                      Workspace& workspace, const Options& options, Events& events) {
  BuildReport report;
  report.name = recipe.name;
  report.version = recipe.version;
  report.arch = "x86_64";
  report.ref = recipe.ref;
  report.lock_digest = lock::digest(lock);
  report.public_key = sign::to_base64(key.public_key());
  layers::Context context{workspace.repository(), workspace.tmp(), workspace.cache(), events};
  report.layers = make_chain(workspace, layers_of(recipe, lock, key), context);
  report.commit = report.layers.back().commit;
  report.foundation = context.foundation;
  workspace.repository().set_ref(recipe.ref, report.commit);
  if (options.goal == Goal::disk) report.disks = make_disks(recipe, report.layers, workspace, options, context);
  workspace.clean();
  return report;
}

}  // namespace compose::build
