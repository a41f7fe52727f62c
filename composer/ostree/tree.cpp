#include "ostree/tree.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/algorithm/string/split.hpp>

#include "ostree/glib.hpp"
#include "ostree/meta.hpp"
#include "support/file.hpp"

namespace compose::ostree {
namespace {

using MutableTree = Object<OstreeMutableTree>;

MutableTree share(OstreeMutableTree* tree) { return MutableTree(static_cast<OstreeMutableTree*>(g_object_ref(tree))); }

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  boost::algorithm::split(parts, path, [](char c) { return c == '/'; });
  std::erase(parts, "");
  for (const auto& part : parts) {
    if (part == "." || part == "..") {
      throw Error(ErrorKind::input, fmt::format("'{}' is not a path within the tree", path));
    }
  }
  return parts;
}

// The path as the running system will know it: /usr/etc becomes /etc (rpm-ostree's label version 1).
std::string running_path(const std::string& path) {
  if (path == "/usr/etc" || path.starts_with("/usr/etc/")) return path.substr(4);
  return path;
}

}  // namespace

struct Tree::State {
  Repository& repository;
  MutableTree root;
  LabelFunction label;

  OstreeRepo* repo() const { return repository.raw(); }

  std::optional<std::string> file_checksum(OstreeMutableTree* tree, const std::string& name,
                                           MutableTree* subdirectory) const {
    GErrorSlot error;
    char* checksum = nullptr;
    OstreeMutableTree* found = nullptr;
    if (ostree_mutable_tree_lookup(tree, name.c_str(), &checksum, &found, error.out()) == FALSE) {
      if (error.is(G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) return std::nullopt;
      error.raise(fmt::format("reading the directory entry '{}'", name));
    }
    const CString owned(checksum);
    const MutableTree owned_tree(found);
    if (subdirectory != nullptr && found != nullptr) *subdirectory = share(found);
    return checksum != nullptr ? std::string(checksum) : std::string();
  }

  // The directory at `parts`, or null.
  MutableTree directory(const std::vector<std::string>& parts, std::size_t count) const {
    MutableTree tree = share(root.get());
    for (std::size_t index = 0; index < count; ++index) {
      MutableTree next;
      if (!file_checksum(tree.get(), parts[index], &next) || !next) return nullptr;
      tree = std::move(next);
    }
    return tree;
  }

  FileMeta labelled(const std::string& path, FileMeta meta) const {
    if (!label) return meta;
    const std::string value = label(running_path(path), meta.mode);
    if (!value.empty()) meta.xattrs["security.selinux"] = value + '\0';
    return meta;
  }

  void write_directory_meta(OstreeMutableTree* tree, const FileMeta& meta) const {
    const std::string checksum = write_dirmeta(repo(), meta);
    ostree_mutable_tree_set_metadata_checksum(tree, checksum.c_str());
  }

  [[noreturn]] void refuse_parent(const std::string& path, const std::vector<std::string>& parts, std::size_t index,
                                  const std::string& checksum) const {
    std::string parent;
    for (std::size_t part = 0; part <= index; ++part) parent += "/" + parts[part];
    const Node node = load_file_node(repo(), checksum);
    if (node.kind == NodeKind::symlink) {
      throw Error(
          ErrorKind::input,
          fmt::format("'{}' cannot be added: '{}' is a symbolic link to '{}' in the tree", path, parent,
                      node.symlink_target),
          parent == "/usr/local" || node.symlink_target.starts_with("var/")
              ? "what lives under /var is not part of a commit: ship it below /usr and create it with tmpfiles.d"
              : "name the path that the link leads to");
    }
    throw Error(ErrorKind::input, fmt::format("'{}' cannot be added: '{}' is a file in the tree", path, parent));
  }

  MutableTree ensure_directory(const std::string& path, const std::vector<std::string>& parts, std::size_t count) {
    MutableTree tree = share(root.get());
    std::string so_far;
    for (std::size_t index = 0; index < count; ++index) {
      so_far += "/" + parts[index];
      MutableTree next;
      const auto found = file_checksum(tree.get(), parts[index], &next);
      if (found && !next) refuse_parent(path, parts, index, *found);
      if (!found) {
        GErrorSlot error;
        OstreeMutableTree* made = nullptr;
        check(ostree_mutable_tree_ensure_dir(tree.get(), parts[index].c_str(), &made, error.out()), error,
              fmt::format("adding '{}'", so_far));
        next.reset(made);
        write_directory_meta(made, labelled(so_far, {0, 0, S_IFDIR | 0755U, {}}));
      }
      tree = std::move(next);
    }
    return tree;
  }

  void place(const std::string& path, const std::string& checksum) {
    const auto parts = split_path(path);
    if (parts.empty()) throw Error(ErrorKind::input, "the root of the tree is a directory");
    const MutableTree parent = ensure_directory(path, parts, parts.size() - 1);
    MutableTree existing;
    file_checksum(parent.get(), parts.back(), &existing);
    if (existing)
      throw Error(ErrorKind::input, fmt::format("'{}' cannot be added as a file: it is a directory in the tree", path));
    GErrorSlot error;
    check(ostree_mutable_tree_replace_file(parent.get(), parts.back().c_str(), checksum.c_str(), error.out()), error,
          fmt::format("adding '{}'", path));
  }
};

Tree::Tree(Repository& repository, const std::string& commit) : state_(new State{repository, nullptr, {}}) {
  GErrorSlot error;
  state_->root.reset(ostree_mutable_tree_new_from_commit(repository.raw(), commit.c_str(), error.out()));
  check(state_->root, error, fmt::format("loading commit {}", commit));
}
Tree::Tree(std::unique_ptr<State> state) : state_(std::move(state)) {}

Tree Tree::make_empty(Repository& repository) {
  std::unique_ptr<State> state(new State{repository, MutableTree(ostree_mutable_tree_new()), {}});
  state->write_directory_meta(state->root.get(), {0, 0, S_IFDIR | 0755U, {}});
  return Tree(std::move(state));
}

Tree::~Tree() = default;
Tree::Tree(Tree&&) noexcept = default;

void Tree::set_labels(LabelFunction label) { state_->label = std::move(label); }

std::optional<Node> Tree::lookup(const std::string& path) const {
  const auto parts = split_path(path);
  MutableTree directory;
  if (parts.empty()) {
    directory = share(state_->root.get());
  } else {
    const MutableTree parent = state_->directory(parts, parts.size() - 1);
    if (!parent) return std::nullopt;
    const auto checksum = state_->file_checksum(parent.get(), parts.back(), &directory);
    if (!checksum) return std::nullopt;
    if (!directory) return load_file_node(state_->repo(), *checksum);
  }
  Node node;
  node.kind = NodeKind::directory;
  node.meta = load_dirmeta(state_->repo(), ostree_mutable_tree_get_metadata_checksum(directory.get()));
  const char* contents = ostree_mutable_tree_get_contents_checksum(directory.get());
  node.checksum = contents != nullptr ? contents : "";
  return node;
}

std::set<std::string> Tree::names(const std::string& path) const {
  const auto parts = split_path(path);
  const MutableTree directory = state_->directory(parts, parts.size());
  std::set<std::string> names;
  if (!directory) return names;
  for (GHashTable* table :
       {ostree_mutable_tree_get_subdirs(directory.get()), ostree_mutable_tree_get_files(directory.get())}) {
    GHashTableIter iter;
    gpointer name = nullptr;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, &name, nullptr) != FALSE) names.insert(static_cast<const char*>(name));
  }
  return names;
}

std::map<std::string, NodeKind> Tree::list(const std::string& path) const {
  const auto parts = split_path(path);
  const MutableTree directory = state_->directory(parts, parts.size());
  std::map<std::string, NodeKind> names;
  if (!directory) return names;
  GHashTableIter iter;
  gpointer name = nullptr;
  gpointer value = nullptr;
  g_hash_table_iter_init(&iter, ostree_mutable_tree_get_subdirs(directory.get()));
  while (g_hash_table_iter_next(&iter, &name, &value) != FALSE)
    names.emplace(static_cast<const char*>(name), NodeKind::directory);
  g_hash_table_iter_init(&iter, ostree_mutable_tree_get_files(directory.get()));
  while (g_hash_table_iter_next(&iter, &name, &value) != FALSE) {
    names.emplace(static_cast<const char*>(name), file_kind(state_->repo(), static_cast<const char*>(value)));
  }
  return names;
}

std::string Tree::read(const std::string& path, std::uint64_t limit_bytes) const {
  const auto node = lookup(path);
  if (!node || node->kind != NodeKind::file)
    throw Error(ErrorKind::failed, fmt::format("the tree has no file '{}'", path));
  return read_content(state_->repo(), node->checksum, limit_bytes);
}

void Tree::put_file(const std::string& path, const FileMeta& meta, std::string_view content) {
  const FileMeta final_meta = state_->labelled(path, meta);
  state_->place(path, write_small_file(state_->repo(), final_meta, content));
}

void Tree::put_file_from(const std::string& path, const FileMeta& meta, const fs::path& source) {
  const FileMeta final_meta = state_->labelled(path, meta);
  const Fd fd = open_file(source, O_RDONLY);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno("reading", source.string(), errno);
  state_->place(path, write_file_from(state_->repo(), final_meta, fd.get(), static_cast<std::uint64_t>(info.st_size),
                                      source.string()));
}

void Tree::put_symlink(const std::string& path, const std::string& target, FileMeta meta) {
  meta.mode = S_IFLNK | 0777U;
  const FileMeta final_meta = state_->labelled(path, meta);
  state_->place(path, write_link(state_->repo(), final_meta, target));
}

void Tree::put_directory(const std::string& path, const FileMeta& meta) {
  const auto parts = split_path(path);
  const MutableTree directory = state_->ensure_directory(path, parts, parts.size());
  state_->write_directory_meta(directory.get(), state_->labelled(path, meta));
}

void Tree::remove(const std::string& path) {
  const auto parts = split_path(path);
  if (parts.empty()) throw Error(ErrorKind::input, "the root of the tree cannot be removed");
  const MutableTree parent = state_->directory(parts, parts.size() - 1);
  if (!parent) return;
  GErrorSlot error;
  check(ostree_mutable_tree_remove(parent.get(), parts.back().c_str(), TRUE, error.out()), error,
        fmt::format("removing '{}'", path));
}

void Tree::set_meta(const std::string& path, const FileMeta& meta) {
  const auto node = lookup(path);
  if (!node) throw Error(ErrorKind::failed, fmt::format("the tree has no '{}'", path));
  if (node->kind == NodeKind::directory) {
    const auto parts = split_path(path);
    state_->write_directory_meta(state_->directory(parts, parts.size()).get(), meta);
  } else {
    state_->place(path, rewrite_object(state_->repo(), node->checksum, meta));
  }
}

std::string Tree::commit(const CommitMetadata& metadata) {
  GErrorSlot error;
  GFile* root = nullptr;
  check(ostree_repo_write_mtree(state_->repo(), state_->root.get(), &root, nullptr, error.out()), error,
        "writing the tree");
  const Object<GFile> owned_root(root);
  const Variant variant = to_variant(metadata);
  char* checksum = nullptr;
  check(ostree_repo_write_commit_with_time(state_->repo(), nullptr, metadata.subject.c_str(), nullptr, variant.get(),
                                           OSTREE_REPO_FILE(root), metadata.timestamp, &checksum, nullptr, error.out()),
        error, "writing the commit");
  const CString owned(checksum);
  return checksum;
}

void check_out(Repository& repository, const std::string& commit, const fs::path& folder) {
  OstreeRepoCheckoutAtOptions options{};
  options.mode = OSTREE_REPO_CHECKOUT_MODE_USER;
  options.overwrite_mode = OSTREE_REPO_CHECKOUT_OVERWRITE_NONE;
  options.no_copy_fallback = FALSE;
  GErrorSlot error;
  check(ostree_repo_checkout_at(repository.raw(), &options, AT_FDCWD, folder.c_str(), commit.c_str(), nullptr,
                                error.out()),
        error, fmt::format("checking out commit {}", commit));
}

}  // namespace compose::ostree
