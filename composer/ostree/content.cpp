#include "ostree/content.hpp"

#include <array>
#include <cerrno>
#include <unordered_map>

#include <sys/stat.h>
#include <sys/xattr.h>

#include "ostree/glib.hpp"
#include "support/file.hpp"
#include "support/parallel.hpp"

namespace compose::ostree {
namespace {

constexpr std::size_t max_name_bytes = 255;
constexpr std::size_t max_symlink_bytes = 4095;

[[noreturn]] void throw_invalid(const std::string& object, const std::string& what) {
  throw Error(ErrorKind::input, fmt::format("object {} is not valid: {}", object, what),
              "the repository is damaged: run 'ostree fsck' on it, or pull the commit again");
}

std::string hex_of(GVariant* checksum, const std::string& object) {
  if (g_variant_n_children(checksum) != 32) throw_invalid(object, "it names a checksum that is not 32 bytes long");
  const CString text(ostree_checksum_from_bytes_v(checksum));
  return text.get();
}

void check_name(const std::string& name, const std::string& object) {
  const bool valid = !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
  if (!valid) throw_invalid(object, fmt::format("'{}' is not a file name", name));
  if (name.size() > max_name_bytes) throw_invalid(object, fmt::format("the name '{}' is longer than 255 bytes", name));
}

Xattrs xattrs_of(GVariant* list) {
  Xattrs xattrs;
  for (gsize i = 0; i < g_variant_n_children(list); ++i) {
    const Variant pair(g_variant_get_child_value(list, i));
    const Variant name(g_variant_get_child_value(pair.get(), 0));
    const Variant value(g_variant_get_child_value(pair.get(), 1));
    gsize size = 0;
    const void* data = g_variant_get_fixed_array(value.get(), &size, 1);
    xattrs.emplace(g_variant_get_bytestring(name.get()), std::string(static_cast<const char*>(data), size));
  }
  return xattrs;
}

// (uuua(ayay)): a dirmeta object, and what a bare-user repository keeps in the attribute user.ostreemeta.
FileMeta meta_of(GVariant* variant) {
  FileMeta meta;
  GVariant* xattrs = nullptr;
  g_variant_get(variant, "(uuu@a(ayay))", &meta.uid, &meta.gid, &meta.mode, &xattrs);
  const Variant owned(xattrs);
  meta.uid = GUINT32_FROM_BE(meta.uid);
  meta.gid = GUINT32_FROM_BE(meta.gid);
  meta.mode = GUINT32_FROM_BE(meta.mode);
  meta.xattrs = xattrs_of(xattrs);
  return meta;
}

Variant variant_of(std::string_view bytes, const char* type) {
  const Bytes data(g_bytes_new(bytes.data(), bytes.size()));  // GLib's own memory is aligned as GVariant wants it
  return Variant(g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), data.get(), FALSE)));
}

class Reader {
 public:
  explicit Reader(const Repository& repository) : repository_(repository) { content_.repository = repository.path(); }

  void add(const std::string& checksum) {
    commit_index_ = content_.commits.size();
    Commit commit;
    commit.checksum = checksum;
    const Variant variant = load(OSTREE_OBJECT_TYPE_COMMIT, checksum, "commit", commit.object);
    commit.version = version_of(variant.get());
    commit.detached = add_detached(checksum);
    const Variant tree(g_variant_get_child_value(variant.get(), 6));
    const Variant meta(g_variant_get_child_value(variant.get(), 7));
    commit.root = add_directory(hex_of(tree.get(), checksum), hex_of(meta.get(), checksum), 0);
    content_.commits.push_back(std::move(commit));
  }

  // The walk has only named the objects: reading thousands of them takes longer than the walk.
  ChainContent finish() {
    constexpr unsigned threads = 2;
    for_each_in_parallel(content_.files.size(), threads, [&](std::size_t i) { read_file_object(content_.files[i]); });
    return std::move(content_);
  }

 private:
  static std::string version_of(GVariant* commit) {
    const Variant metadata(g_variant_get_child_value(commit, 0));
    const char* version = nullptr;
    return g_variant_lookup(metadata.get(), "version", "&s", &version) != FALSE ? version : "";
  }

  std::size_t add_metadata(const std::string& checksum, std::string extension, GVariant* variant) {
    const auto* data = static_cast<const char*>(g_variant_get_data(variant));
    content_.metadata.push_back(
        {checksum, std::move(extension), std::string(data, g_variant_get_size(variant)), commit_index_});
    return content_.metadata.size() - 1;
  }

  Variant load(OstreeObjectType type, const std::string& checksum, const char* extension, std::size_t& object) {
    GErrorSlot error;
    GVariant* variant = nullptr;
    check(ostree_repo_load_variant(repository_.raw(), type, checksum.c_str(), &variant, error.out()), error,
          fmt::format("reading the {} object {}", extension, checksum), ErrorKind::input);
    Variant owned(variant);
    object = add_metadata(checksum, extension, variant);
    return owned;
  }

  std::optional<std::size_t> add_detached(const std::string& checksum) {
    GErrorSlot error;
    GVariant* variant = nullptr;
    check(
        ostree_repo_read_commit_detached_metadata(repository_.raw(), checksum.c_str(), &variant, nullptr, error.out()),
        error, fmt::format("reading the signatures of commit {}", checksum), ErrorKind::input);
    const Variant owned(variant);
    if (variant == nullptr) return std::nullopt;
    return add_metadata(checksum, "commitmeta", variant);
  }

  Subdirectory add_directory(const std::string& tree, const std::string& meta, unsigned depth) {
    // A path of more components than this could not be opened in the running system either.
    if (depth > 1000) throw_invalid(tree, "the directories are nested deeper than 1000 levels");
    const std::size_t meta_index = add_meta(meta);
    return {add_tree(tree, depth), meta_index};
  }

  std::size_t add_meta(const std::string& checksum) {
    if (const auto known = metas_.find(checksum); known != metas_.end()) return known->second;
    DirectoryMeta meta;
    const Variant variant = load(OSTREE_OBJECT_TYPE_DIR_META, checksum, "dirmeta", meta.object);
    meta.meta = meta_of(variant.get());
    if (!S_ISDIR(meta.meta.mode)) throw_invalid(checksum, "its mode is not a directory's");
    content_.metas.push_back(std::move(meta));
    return metas_[checksum] = content_.metas.size() - 1;
  }

  std::size_t add_tree(const std::string& checksum, unsigned depth) {
    if (const auto known = trees_.find(checksum); known != trees_.end()) return known->second;
    DirectoryTree tree;
    const Variant variant = load(OSTREE_OBJECT_TYPE_DIR_TREE, checksum, "dirtree", tree.object);
    add_files(checksum, variant.get(), tree);
    add_directories(checksum, variant.get(), tree, depth);
    content_.trees.push_back(std::move(tree));
    return trees_[checksum] = content_.trees.size() - 1;
  }

  void add_files(const std::string& checksum, GVariant* variant, DirectoryTree& tree) {
    const Variant list(g_variant_get_child_value(variant, 0));
    for (gsize i = 0; i < g_variant_n_children(list.get()); ++i) {
      const Variant entry(g_variant_get_child_value(list.get(), i));
      const Variant name(g_variant_get_child_value(entry.get(), 0));
      const Variant file(g_variant_get_child_value(entry.get(), 1));
      const std::string text = g_variant_get_string(name.get(), nullptr);
      check_name(text, checksum);
      if (!tree.files.emplace(text, add_file(hex_of(file.get(), checksum))).second) throw_twice(checksum, text);
    }
  }

  void add_directories(const std::string& checksum, GVariant* variant, DirectoryTree& tree, unsigned depth) {
    const Variant list(g_variant_get_child_value(variant, 1));
    for (gsize i = 0; i < g_variant_n_children(list.get()); ++i) {
      const Variant entry(g_variant_get_child_value(list.get(), i));
      const Variant name(g_variant_get_child_value(entry.get(), 0));
      const Variant subtree(g_variant_get_child_value(entry.get(), 1));
      const Variant meta(g_variant_get_child_value(entry.get(), 2));
      const std::string text = g_variant_get_string(name.get(), nullptr);
      check_name(text, checksum);
      const auto child = add_directory(hex_of(subtree.get(), checksum), hex_of(meta.get(), checksum), depth + 1);
      if (tree.files.contains(text) || !tree.directories.emplace(text, child).second) throw_twice(checksum, text);
    }
  }

  [[noreturn]] static void throw_twice(const std::string& object, const std::string& name) {
    throw_invalid(object, fmt::format("it has the name '{}' twice", name));
  }

  std::size_t add_file(const std::string& checksum) {
    if (const auto known = files_.find(checksum); known != files_.end()) return known->second;
    FileObject file;
    file.checksum = checksum;
    file.commit = commit_index_;
    content_.files.push_back(std::move(file));
    return files_[checksum] = content_.files.size() - 1;
  }

  // By the system calls themselves: ostree_repo_load_file() opens the object and costs several times as much.
  void read_file_object(FileObject& file) const {
    thread_local std::array<char, 1U << 16U> buffer;  // XATTR_SIZE_MAX
    const fs::path path = content_.path_of(file);
    const ssize_t size = ::lgetxattr(path.c_str(), "user.ostreemeta", buffer.data(), buffer.size());
    struct stat status {};
    if (size < 0 || ::lstat(path.c_str(), &status) != 0) throw_errno("reading the object", path.string(), errno);
    const Variant variant = variant_of({buffer.data(), static_cast<std::size_t>(size)}, "(uuua(ayay))");
    if (g_variant_is_normal_form(variant.get()) == FALSE) throw_invalid(file.checksum, "its metadata is malformed");
    file.meta = meta_of(variant.get());
    if (S_ISLNK(file.meta.mode)) {
      file.symlink_target = compose::read_file(path, max_symlink_bytes);
      while (file.symlink_target.ends_with('\0')) file.symlink_target.pop_back();  // older libostree wrote a NUL
      if (file.symlink_target.empty()) throw_invalid(file.checksum, "a symbolic link without a target");
    } else if (S_ISREG(file.meta.mode)) {
      file.size_bytes = static_cast<std::uint64_t>(status.st_size);
    } else {
      throw_invalid(file.checksum, fmt::format("mode {:o} is neither a file's nor a symbolic link's", file.meta.mode));
    }
  }

  const Repository& repository_;
  ChainContent content_;
  std::size_t commit_index_ = 0;
  std::unordered_map<std::string, std::size_t> files_;  // looked up only: their order reaches nothing
  std::unordered_map<std::string, std::size_t> trees_;
  std::unordered_map<std::string, std::size_t> metas_;
};

}  // namespace

ChainContent read_chain(const Repository& repository, const std::vector<std::string>& commits) {
  if (ostree_repo_get_mode(repository.raw()) != OSTREE_REPO_MODE_BARE_USER) {
    throw Error(ErrorKind::input,
                fmt::format("the repository '{}' is not in mode bare-user", repository.path().string()));
  }
  Reader reader(repository);
  for (const auto& commit : commits) {
    with_context(fmt::format("reading commit {}", commit), [&] { reader.add(commit); });
  }
  return reader.finish();
}

std::string encode_file_metadata(const FileMeta& meta) {
  GVariantBuilder xattrs;
  g_variant_builder_init(&xattrs, G_VARIANT_TYPE("a(ayay)"));
  for (const auto& [name, value] : meta.xattrs) {
    g_variant_builder_add(&xattrs, "(@ay@ay)", g_variant_new_bytestring(name.c_str()),
                          g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, value.data(), value.size(), 1));
  }
  const Variant variant(
      g_variant_ref_sink(g_variant_new("(uuu@a(ayay))", GUINT32_TO_BE(meta.uid), GUINT32_TO_BE(meta.gid),
                                       GUINT32_TO_BE(meta.mode), g_variant_builder_end(&xattrs))));
  return {static_cast<const char*>(g_variant_get_data(variant.get())), g_variant_get_size(variant.get())};
}

}  // namespace compose::ostree
