#include <optional>

#include <sys/stat.h>

#include <fmt/format.h>

#include "layers/packages/unpack.hpp"
#include "support/error.hpp"

namespace compose::layers {
namespace {

std::uint32_t number_of(const std::map<std::string, std::uint32_t>& ids, const std::string& name, const char* what,
                        const UnpackedFile& file) {
  if (name == "root") return 0;
  if (const auto found = ids.find(name); found != ids.end()) return found->second;
  throw Error(ErrorKind::input,
              fmt::format("'{}' of package {} belongs to the {} '{}', which the tree does not have", file.path,
                          file.package, what, name),
              "the package that makes it (in %pre, or by sysusers.d) has to be in [packages] install");
}

}  // namespace

void set_owners(ostree::Tree& tree, const std::vector<UnpackedFile>& files,
                const std::map<std::string, std::uint32_t>& users, const std::map<std::string, std::uint32_t>& groups) {
  for (const auto& file : files) {
    const std::uint32_t uid = number_of(users, file.user, "user", file);
    const std::uint32_t gid = number_of(groups, file.group, "group", file);
    const auto node = tree.lookup(file.path);
    if (!node) throw Error(ErrorKind::failed, fmt::format("'{}' of {} is gone", file.path, file.package));
    if (node->meta.uid == uid && node->meta.gid == gid) continue;
    FileMeta meta = node->meta;
    meta.uid = uid;
    meta.gid = gid;
    tree.set_meta(file.path, meta);
  }
}

}  // namespace compose::layers
