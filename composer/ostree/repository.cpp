#include "ostree/repository.hpp"

#include <boost/filesystem/operations.hpp>

#include "ostree/glib.hpp"

namespace compose::ostree {
namespace {

Object<OstreeRepo> new_repo(const fs::path& path) {
  const Object<GFile> file(g_file_new_for_path(path.c_str()));
  return Object<OstreeRepo>(ostree_repo_new(file.get()));
}

}  // namespace

void Repository::Unref::operator()(OstreeRepo* repo) const noexcept { g_object_unref(repo); }

Repository Repository::open(const fs::path& path) {
  auto repo = new_repo(path);
  GErrorSlot error;
  check(ostree_repo_open(repo.get(), nullptr, error.out()), error,
        fmt::format("opening the OSTree repository '{}'", path.string()), ErrorKind::input);
  return {path, repo.release()};
}

Repository Repository::open_or_create(const fs::path& path) {
  fs::create_directories(path);
  auto repo = new_repo(path);
  GErrorSlot error;
  check(ostree_repo_create(repo.get(), OSTREE_REPO_MODE_BARE_USER, nullptr, error.out()), error,
        fmt::format("making the OSTree repository '{}'", path.string()));
  ostree_repo_set_disable_fsync(repo.get(), TRUE);  // commits are checked by checksum; refs are renamed into place
  return {path, repo.release()};
}

std::optional<std::string> Repository::resolve(const std::string& ref) const {
  GErrorSlot error;
  char* checksum = nullptr;
  check(ostree_repo_resolve_rev(raw(), ref.c_str(), TRUE, &checksum, error.out()), error,
        fmt::format("looking up ref '{}'", ref));
  const CString owned(checksum);
  if (checksum == nullptr) return std::nullopt;
  return std::string(checksum);
}

std::map<std::string, std::string> Repository::refs(const std::string& prefix) const {
  GErrorSlot error;
  GHashTable* table = nullptr;
  check(ostree_repo_list_refs_ext(raw(), prefix.empty() ? nullptr : prefix.c_str(), &table,
                                  OSTREE_REPO_LIST_REFS_EXT_NONE, nullptr, error.out()),
        error, "listing refs");
  const HashTable owned(table);
  std::map<std::string, std::string> result;
  GHashTableIter iter;
  gpointer name = nullptr;
  gpointer commit = nullptr;
  g_hash_table_iter_init(&iter, table);
  while (g_hash_table_iter_next(&iter, &name, &commit) != FALSE) {
    result.emplace(static_cast<const char*>(name), static_cast<const char*>(commit));
  }
  return result;
}

void Repository::set_ref(const std::string& ref, const std::string& commit) {
  GErrorSlot error;
  check(ostree_repo_set_ref_immediate(raw(), nullptr, ref.c_str(), commit.c_str(), nullptr, error.out()), error,
        fmt::format("moving ref '{}'", ref));
}

bool Repository::has_complete_commit(const std::string& commit) const {
  GErrorSlot error;
  GVariant* variant = nullptr;
  OstreeRepoCommitState state{};
  if (ostree_repo_load_commit(raw(), commit.c_str(), &variant, &state, error.out()) == FALSE) {
    if (error.is(G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) return false;
    error.raise(fmt::format("loading commit {}", commit));
  }
  const Variant owned(variant);
  return (static_cast<unsigned>(state) & static_cast<unsigned>(OSTREE_REPO_COMMIT_STATE_PARTIAL)) == 0;
}

void Repository::remove_leftovers() {
  boost::system::error_code ignored;
  for (fs::directory_iterator entry(path_ / "tmp", ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->path().filename() != "cache") fs::remove_all(entry->path(), ignored);
  }
}

}  // namespace compose::ostree
