#include "ostree/labels.hpp"

#include <memory>
#include <regex>

#include <fcntl.h>

#include <boost/filesystem/operations.hpp>

#include "ostree/glib.hpp"
#include "support/file.hpp"

namespace compose::ostree {
namespace {

// The policy's modules ("active/") are for those who change it; labels come from what was compiled from them.
// libostree gives a directory's path with a slash at its end.
OstreeRepoCheckoutFilterResult without_modules(OstreeRepo*, const char* path, struct stat*, gpointer) noexcept {
  return std::string_view(path).ends_with("/active/") ? OSTREE_REPO_CHECKOUT_FILTER_SKIP
                                                      : OSTREE_REPO_CHECKOUT_FILTER_ALLOW;
}

void check_out(Repository& repository, const std::string& commit, const std::string& subpath, const fs::path& target) {
  OstreeRepoCheckoutAtOptions options{};
  options.mode = OSTREE_REPO_CHECKOUT_MODE_USER;
  options.subpath = subpath.c_str();
  options.no_copy_fallback = FALSE;
  options.force_copy = TRUE;  // a hard link would let the configuration below change the repository's object
  options.filter = without_modules;
  GErrorSlot error;
  check(ostree_repo_checkout_at(repository.raw(), &options, AT_FDCWD, target.c_str(), commit.c_str(), nullptr,
                                error.out()),
        error, fmt::format("reading the SELinux policy of commit {}", commit));
}

// A tree may boot with SELinux off and still carry labels; libostree loads no policy whose configuration says
// "disabled".
void switch_on(const fs::path& configuration) {
  static const std::regex disabled("(^|\n)SELINUX=disabled");
  write_file_atomically(configuration, std::regex_replace(read_file(configuration), disabled, "$1SELINUX=permissive"));
}

constexpr const char* policy_path = "/usr/etc/selinux";
constexpr const char* policy_configuration = "/usr/etc/selinux/config";

LabelFunction load_policy(Repository& repository, const std::string& commit, const fs::path& scratch) {
  const TemporaryDirectory root(scratch, "policy-");
  fs::create_directories(root.path() / "etc");
  check_out(repository, commit, policy_path, root.path() / "etc/selinux");
  switch_on(root.path() / "etc/selinux/config");

  const Object<GFile> file(g_file_new_for_path(root.path().c_str()));
  GErrorSlot error;
  const std::shared_ptr<OstreeSePolicy> policy(ostree_sepolicy_new(file.get(), nullptr, error.out()),
                                               [](OstreeSePolicy* object) {
                                                 if (object != nullptr) g_object_unref(object);
                                               });
  check(policy, error, fmt::format("loading the SELinux policy of commit {}", commit), ErrorKind::input);
  if (ostree_sepolicy_get_name(policy.get()) == nullptr) return {};
  return [policy](const std::string& path, std::uint32_t mode) -> std::string {
    GErrorSlot label_error;
    char* label = nullptr;
    check(ostree_sepolicy_get_label(policy.get(), path.c_str(), mode, &label, nullptr, label_error.out()), label_error,
          fmt::format("labelling '{}'", path));
    const CString owned(label);
    return label != nullptr ? label : "";
  };
}

}  // namespace

LabelFunction Labels::load(Repository& repository, const std::string& commit, const fs::path& scratch) {
  const Tree tree(repository, commit);
  const auto policy = tree.lookup(policy_path);
  if (!policy || !tree.lookup(policy_configuration)) return {};
  const auto known = by_policy_.find(policy->checksum);
  if (known != by_policy_.end()) return known->second;
  return by_policy_.emplace(policy->checksum, load_policy(repository, commit, scratch)).first->second;
}

}  // namespace compose::ostree
