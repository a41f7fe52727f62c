#pragma once
// A repository of the test's own, and commits made from a list of files.

#include <sys/stat.h>

#include <functional>
#include <string>

#include <boost/filesystem/operations.hpp>

#include "ostree/repository.hpp"
#include "ostree/transaction.hpp"
#include "ostree/tree.hpp"
#include "support/file.hpp"

namespace compose::tests {

inline FileMeta file_meta(std::uint32_t mode = 0644, std::uint32_t uid = 0, std::uint32_t gid = 0, Xattrs xattrs = {}) {
  return {uid, gid, S_IFREG | mode, std::move(xattrs)};
}

inline FileMeta directory_meta(std::uint32_t mode = 0755, std::uint32_t uid = 0, std::uint32_t gid = 0) {
  return {uid, gid, S_IFDIR | mode, {}};
}

class ScratchRepository {
 public:
  ScratchRepository()
      : folder_(fs::temp_directory_path(), "scratch-repo-"),
        repository_(ostree::Repository::open_or_create(folder_.path() / "repo")) {}

  ostree::Repository& get() { return repository_; }
  const fs::path& folder() const { return folder_.path(); }

  // Commits what `fill` puts into an empty tree, or into the tree of `previous`.
  std::string commit(const std::function<void(ostree::Tree&)>& fill, const std::string& previous = {},
                     ostree::CommitMetadata metadata = {}) {
    ostree::Transaction transaction(repository_);
    ostree::Tree tree = previous.empty() ? ostree::Tree::make_empty(repository_) : ostree::Tree(repository_, previous);
    fill(tree);
    const std::string commit = tree.commit(metadata);
    transaction.commit();
    return commit;
  }

 private:
  TemporaryDirectory folder_;
  ostree::Repository repository_;
};

// The least that lint accepts as an OS tree.
inline void fill_minimal_os(ostree::Tree& tree) {
  tree.put_file("/usr/lib/modules/6.1.0-test/vmlinuz", file_meta(), "kernel");
  tree.put_file("/usr/lib/modules/6.1.0-test/initramfs.img", file_meta(), "initramfs");
  tree.put_file("/usr/etc/passwd", file_meta(), "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/usr/sbin/nologin\n");
  tree.put_file("/usr/etc/group", file_meta(), "root:x:0:\ndaemon:x:1:\nadm:x:4:\n");
  tree.put_directory("/var", directory_meta());
  tree.put_symlink("/opt", "var/opt");
  tree.put_symlink("/bin", "usr/bin");
}

}  // namespace compose::tests
