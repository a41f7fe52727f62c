#include "ostree/archive.hpp"

#include <algorithm>
#include <exception>

#include <boost/filesystem/operations.hpp>

#include "ostree/glib.hpp"

namespace compose::ostree {
namespace {

constexpr const char* ed25519_key = "ostree.sign.ed25519";
constexpr const char* gpg_key = "ostree.gpgsigs";

GVariant* byte_arrays(const std::vector<std::string>& list) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("aay"));
  for (const std::string& bytes : list) {
    g_variant_builder_add_value(&builder,
                                g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes.data(), bytes.size(), 1));
  }
  return g_variant_builder_end(&builder);
}

std::vector<std::string> read_byte_arrays(GVariant* dictionary, const char* key) {
  std::vector<std::string> list;
  const Variant arrays(g_variant_lookup_value(dictionary, key, G_VARIANT_TYPE("aay")));
  if (!arrays) return list;
  for (gsize index = 0; index < g_variant_n_children(arrays.get()); ++index) {
    const Variant entry(g_variant_get_child_value(arrays.get(), index));
    gsize size = 0;
    const void* data = g_variant_get_fixed_array(entry.get(), &size, 1);
    list.emplace_back(static_cast<const char*>(data), size);
  }
  return list;
}

Variant to_variant(const Signatures& signatures) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{sv}"));
  if (!signatures.gpg.empty()) g_variant_builder_add(&builder, "{sv}", gpg_key, byte_arrays(signatures.gpg));
  if (!signatures.ed25519.empty()) {
    g_variant_builder_add(&builder, "{sv}", ed25519_key, byte_arrays(signatures.ed25519));
  }
  return Variant(g_variant_ref_sink(g_variant_builder_end(&builder)));
}

Signatures read_signatures(GVariant* dictionary) {
  return {read_byte_arrays(dictionary, ed25519_key), read_byte_arrays(dictionary, gpg_key)};
}

// Object names (GVariants) to themselves.
HashTable reachable_from(Repository& repository, const std::string& commit) {
  GErrorSlot error;
  HashTable reachable(ostree_repo_traverse_new_reachable());
  check(ostree_repo_traverse_commit_union(repository.raw(), commit.c_str(), 0, reachable.get(), nullptr, error.out()),
        error, fmt::format("reading commit {} of '{}'", commit, repository.path().string()));
  return reachable;
}

void for_each_object(GHashTable* objects,
                     const std::function<void(GVariant* name, const char* checksum, OstreeObjectType type)>& visit) {
  GHashTableIter iter;
  gpointer name = nullptr;
  g_hash_table_iter_init(&iter, objects);
  while (g_hash_table_iter_next(&iter, &name, nullptr) != FALSE) {
    const char* checksum = nullptr;
    OstreeObjectType type{};
    ostree_object_name_deserialize(static_cast<GVariant*>(name), &checksum, &type);
    visit(static_cast<GVariant*>(name), checksum, type);
  }
}

std::uint64_t storage_bytes(OstreeRepo* repo, OstreeObjectType type, const char* checksum) {
  GErrorSlot error;
  guint64 bytes = 0;
  check(ostree_repo_query_object_storage_size(repo, type, checksum, &bytes, nullptr, error.out()), error,
        fmt::format("reading the size of object {}", checksum));
  return bytes;
}

bool has_object(OstreeRepo* repo, OstreeObjectType type, const char* checksum) {
  GErrorSlot error;
  gboolean has = FALSE;
  check(ostree_repo_has_object(repo, type, checksum, &has, nullptr, error.out()), error,
        fmt::format("looking for object {}", checksum));
  return has != FALSE;
}

struct CopyBridge {
  const CopyObserver& observer;
  std::exception_ptr failure;
};

void on_progress(OstreeAsyncProgress* progress, gpointer data) noexcept {
  auto* bridge = static_cast<CopyBridge*>(data);
  try {
    const auto scanned = ostree_async_progress_get_uint(progress, "scanned-metadata");
    bridge->observer(ostree_async_progress_get_uint(progress, "fetched") + scanned,
                     ostree_async_progress_get_uint(progress, "requested") + scanned);
  } catch (...) {
    bridge->failure = std::current_exception();
  }
}

// libostree's own lock, for other programs that work on the repository.
class ExclusiveLock {
 public:
  explicit ExclusiveLock(Repository& repository) : repo_(repository.raw()) {
    GErrorSlot error;
    check(ostree_repo_lock_push(repo_, OSTREE_REPO_LOCK_EXCLUSIVE, nullptr, error.out()), error,
          fmt::format("locking the repository '{}'", repository.path().string()));
  }
  ~ExclusiveLock() { ostree_repo_lock_pop(repo_, OSTREE_REPO_LOCK_EXCLUSIVE, nullptr, nullptr); }
  ExclusiveLock(const ExclusiveLock&) = delete;
  ExclusiveLock& operator=(const ExclusiveLock&) = delete;

 private:
  OstreeRepo* repo_;
};

HashTable reachable_from_all(Repository& archive, const std::set<std::string>& commits) {
  HashTable kept(ostree_repo_traverse_new_reachable());
  for (const std::string& commit : commits) {
    if (!archive.has_complete_commit(commit)) {
      throw Error(ErrorKind::failed, fmt::format("commit {} is not complete in '{}'", commit, archive.path().string()),
                  "nothing was deleted; 'ostree fsck' tells what is missing, publishing that version again copies it");
    }
    GErrorSlot error;
    check(ostree_repo_traverse_commit_union(archive.raw(), commit.c_str(), 0, kept.get(), nullptr, error.out()), error,
          fmt::format("reading commit {} of '{}'", commit, archive.path().string()));
  }
  return kept;
}

struct ObjectName {
  std::string checksum;
  OstreeObjectType type{};
};

std::vector<ObjectName> unneeded_objects(Repository& archive, const std::set<std::string>& kept_commits) {
  const HashTable kept = reachable_from_all(archive, kept_commits);
  GErrorSlot error;
  GHashTable* all = nullptr;
  const auto what = static_cast<OstreeRepoListObjectsFlags>(static_cast<unsigned>(OSTREE_REPO_LIST_OBJECTS_ALL) |
                                                            static_cast<unsigned>(OSTREE_REPO_LIST_OBJECTS_NO_PARENTS));
  check(ostree_repo_list_objects(archive.raw(), what, &all, nullptr, error.out()), error,
        fmt::format("listing the objects of '{}'", archive.path().string()));
  const HashTable owned(all);
  std::vector<ObjectName> unneeded;
  for_each_object(all, [&](GVariant* name, const char* checksum, OstreeObjectType type) {
    if (g_hash_table_contains(kept.get(), name) == FALSE) unneeded.push_back({checksum, type});
  });
  return unneeded;
}

}  // namespace

Repository open_or_create_archive(const fs::path& path) {
  fs::create_directories(path);
  const bool exists = fs::exists(path / "objects");
  const bool foreign = !exists && std::any_of(fs::directory_iterator(path), fs::directory_iterator(),
                                              [](const fs::directory_entry& entry) {
                                                const std::string name = entry.path().filename().string();
                                                return name != "config" && name != "tmp" && !name.starts_with('.');
                                              });
  const std::string hint = "name a folder that is empty or not there yet, or a repository that this program published";
  if (foreign) {
    throw Error(ErrorKind::input, fmt::format("'{}' holds something else than an OSTree repository", path.string()),
                hint);
  }
  const Object<GFile> file(g_file_new_for_path(path.c_str()));
  const Object<OstreeRepo> made(ostree_repo_new(file.get()));
  GErrorSlot error;
  check(ostree_repo_create(made.get(), OSTREE_REPO_MODE_ARCHIVE, nullptr, error.out()), error,
        fmt::format("making the repository '{}'", path.string()));
  Repository repository = Repository::open(path);
  if (ostree_repo_get_mode(repository.raw()) != OSTREE_REPO_MODE_ARCHIVE) {
    throw Error(ErrorKind::input, fmt::format("the repository '{}' is not in mode archive", path.string()), hint);
  }
  return repository;
}

void copy_commit(Repository& archive, const Repository& source, const std::string& commit,
                 const CopyObserver& observer) {
  const char* refs[] = {commit.c_str(), nullptr};
  VariantDict options(g_variant_dict_new(nullptr));
  g_variant_dict_insert_value(options.get(), "refs", g_variant_new_strv(refs, 1));
  g_variant_dict_insert(options.get(), "flags", "i", static_cast<int>(OSTREE_REPO_PULL_FLAGS_UNTRUSTED));
  g_variant_dict_insert(options.get(), "depth", "i", 0);
  const Variant variant(g_variant_ref_sink(g_variant_dict_end(options.get())));
  CopyBridge bridge{observer, nullptr};
  const Object<OstreeAsyncProgress> progress(ostree_async_progress_new_and_connect(on_progress, &bridge));
  const std::string url = "file://" + source.path().string();
  GErrorSlot error;
  const gboolean done =
      ostree_repo_pull_with_options(archive.raw(), url.c_str(), variant.get(), progress.get(), nullptr, error.out());
  ostree_async_progress_finish(progress.get());
  if (bridge.failure) std::rethrow_exception(bridge.failure);
  check(done, error, fmt::format("copying commit {} to '{}'", commit, archive.path().string()));
}

Missing missing_from(const Repository* archive, Repository& source, const std::string& commit) {
  Missing missing;
  const HashTable needed = reachable_from(source, commit);
  for_each_object(needed.get(), [&](GVariant*, const char* checksum, OstreeObjectType type) {
    if (archive != nullptr && has_object(archive->raw(), type, checksum)) return;
    ++missing.objects;
    missing.bytes += storage_bytes(source.raw(), type, checksum);
  });
  return missing;
}

std::string encode(const Signatures& signatures) {
  const Variant variant = to_variant(signatures);
  return {static_cast<const char*>(g_variant_get_data(variant.get())), g_variant_get_size(variant.get())};
}

Signatures decode_signatures(std::string_view bytes) {
  const Bytes owned(g_bytes_new(bytes.data(), bytes.size()));
  const Variant variant(g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE("a{sv}"), owned.get(), FALSE)));
  if (g_variant_is_normal_form(variant.get()) == FALSE) return {};
  return read_signatures(variant.get());
}

Signatures signatures_of(Repository& repository, const std::string& commit) {
  GErrorSlot error;
  GVariant* variant = nullptr;
  check(ostree_repo_read_commit_detached_metadata(repository.raw(), commit.c_str(), &variant, nullptr, error.out()),
        error, fmt::format("loading the signatures of commit {}", commit));
  const Variant owned(variant);
  return owned ? read_signatures(owned.get()) : Signatures();
}

void set_signatures(Repository& repository, const std::string& commit, const Signatures& signatures) {
  GErrorSlot error;
  check(ostree_repo_write_commit_detached_metadata(repository.raw(), commit.c_str(), to_variant(signatures).get(),
                                                   nullptr, error.out()),
        error, fmt::format("storing the signatures of commit {}", commit));
}

Unneeded delete_unneeded(Repository& archive, const std::set<std::string>& kept, Deletion deletion) {
  const ExclusiveLock lock(archive);
  std::vector<ObjectName> objects = unneeded_objects(archive, kept);
  // Commits first: should this be interrupted, none is left that lacks objects.
  std::stable_partition(objects.begin(), objects.end(),
                        [](const ObjectName& object) { return object.type == OSTREE_OBJECT_TYPE_COMMIT; });
  Unneeded unneeded;
  for (const ObjectName& object : objects) {
    unneeded.bytes += storage_bytes(archive.raw(), object.type, object.checksum.c_str());
    ++unneeded.objects;
    if (deletion == Deletion::counted_only) continue;
    GErrorSlot error;
    check(ostree_repo_delete_object(archive.raw(), object.type, object.checksum.c_str(), nullptr, error.out()), error,
          fmt::format("deleting object {} of '{}'", object.checksum, archive.path().string()));
  }
  return unneeded;
}

}  // namespace compose::ostree
