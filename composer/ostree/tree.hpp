#pragma once
// A tree being changed: loaded from a commit, changed by a layer, written as the next commit. Never checked out; only
// what is touched is read (libostree's OstreeMutableTree). Paths are absolute within the tree ("/usr/bin/x").

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ostree/repository.hpp"
#include "support/content.hpp"

namespace compose::ostree {

enum class NodeKind { file, symlink, directory };

struct Node {
  NodeKind kind = NodeKind::file;
  FileMeta meta;
  std::uint64_t size_bytes = 0;
  std::string symlink_target;
  std::string checksum;  // content object (files, links) or the directory's dirtree when unchanged
};

// A package of the tree's rpm database, as rpm-ostree lists them in a commit.
struct PackageRow {
  std::string name;
  std::string epoch = "0";
  std::string version;
  std::string release;
  std::string arch;
  bool operator==(const PackageRow&) const = default;
};

// What to write into a commit besides the tree.
struct CommitMetadata {
  std::string subject;
  std::uint64_t timestamp = 0;                 // seconds since 1970, from the inputs, never from the clock
  std::map<std::string, std::string> strings;  // `version`, `ostree.linux`, …
  std::map<std::string, bool> booleans;        // `ostree.bootable`
  std::string ref_binding;                     // ostree.ref-binding; empty: none
  // rpmostree.rpmdb.pkglist, sorted by name: what `rpm-ostree status` and `db diff` read on hosts (rpm-ostree's
  // src/libpriv/rpmostree-rpm-util.cxx); absent when empty.
  std::vector<PackageRow> packages;
};

// Gives the SELinux label of a path in the running system ("/etc/passwd"), or "" for none; `mode` has the type bits.
using LabelFunction = std::function<std::string(const std::string& path, std::uint32_t mode)>;

class Tree {
 public:
  // Throws Error(failed) when the commit is not in the repository. `repository` must outlive the tree.
  Tree(Repository& repository, const std::string& commit);
  // A tree with nothing in it but its root (root:root 0755). Needs an open transaction.
  static Tree make_empty(Repository& repository);
  ~Tree();
  Tree(Tree&&) noexcept;

  // From now on whatever is put gets the label that this function gives for its path.
  void set_labels(LabelFunction label);

  // What stands at `path` ("/" is the root); symbolic links are not followed.
  std::optional<Node> lookup(const std::string& path) const;
  // Names in the directory, sorted; empty when it is none.
  std::set<std::string> names(const std::string& path) const;
  // And what each is, for which its object is read.
  std::map<std::string, NodeKind> list(const std::string& path) const;
  // Content of a regular file; follows no links. Throws Error(failed) when it is absent or larger than the limit.
  std::string read(const std::string& path, std::uint64_t limit_bytes = 16U << 20U) const;

  // Each replaces a file or link at `path`. A parent that is missing is made as root:root 0755. Throws Error(input)
  // when a parent is a file or a symbolic link (the error says where the link leads), or when `path` is a directory.
  void put_file(const std::string& path, const FileMeta& meta, std::string_view content);
  void put_file_from(const std::string& path, const FileMeta& meta, const fs::path& source);
  void put_symlink(const std::string& path, const std::string& target, FileMeta meta = {});
  // Makes the directory, or sets the owner, mode and xattrs of the one that is there.
  void put_directory(const std::string& path, const FileMeta& meta);
  // Takes away what stands at `path`, a directory with all that is in it. No effect when nothing does.
  void remove(const std::string& path);
  // Writes `path` again with other metadata (relabelling).
  void set_meta(const std::string& path, const FileMeta& meta);

  // Writes the changed directories and a commit without parent. Same tree and metadata: same checksum.
  std::string commit(const CommitMetadata& metadata);

 private:
  struct State;
  explicit Tree(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What differs between two commits' trees, found by comparing checksums from the root down: only changed directories
// are read. Called for each added or changed entry (not for removed ones), parents before children.
void for_each_added(Repository& repository, const std::string& from, const std::string& to,
                    const std::function<void(const std::string& path, const Node& node)>& visit);

// One entry that differs: `from` is nothing when it was added, `to` when it was removed.
using VisitChange =
    std::function<void(const std::string& path, const std::optional<Node>& from, const std::optional<Node>& to)>;

// The same for everything that differs, removed entries too: each file of a removed directory is one, after the
// directory. A directory in the place of a file, or the other way round, is one removed and one added. `from` empty: a
// tree with nothing in it. The root itself is not visited.
void for_each_changed(Repository& repository, const std::string& from, const std::string& to, const VisitChange& visit);

// Puts the commit's files into `folder` (which is made), as hard links to the repository's objects: they must not be
// written to. Owners are the caller's, xattrs are left out (`ostree checkout --user-mode`).
void check_out(Repository& repository, const std::string& commit, const fs::path& folder);

// Metadata of a commit.
std::uint64_t commit_timestamp(Repository& repository, const std::string& commit);
std::optional<std::string> commit_string(Repository& repository, const std::string& commit, const std::string& key);
std::vector<PackageRow> commit_packages(Repository& repository, const std::string& commit);

// The bytes that an Ed25519 signature covers (the serialised commit), and the signatures stored beside the commit
// (detached metadata `ostree.sign.ed25519`, type aay; ostree-sign(1)).
std::string commit_bytes(Repository& repository, const std::string& commit);
std::vector<std::string> commit_signatures(Repository& repository, const std::string& commit);
// Makes `signature` the commit's only Ed25519 signature.
void set_commit_signature(Repository& repository, const std::string& commit, const std::string& signature);

}  // namespace compose::ostree
