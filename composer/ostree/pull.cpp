#include "ostree/pull.hpp"

#include <exception>

#include <fcntl.h>

#include "ostree/glib.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"

namespace compose::ostree {
namespace {

// A remote's name is made from what it stands for, so that another key or address never meets an old remote's keyring.
std::string remote_name(const PullSource& source) {
  Sha256 hash;
  hash.update(source.url).update("\n");
  if (source.gpg_key_file) hash.update(read_file(*source.gpg_key_file));
  return "base-" + to_hex(hash.finish()).substr(0, 16);
}

void import_keys(OstreeRepo* repo, const std::string& remote, const fs::path& key_file) {
  const Object<GFile> file(g_file_new_for_path(key_file.c_str()));
  GErrorSlot error;
  const Object<GFileInputStream> stream(g_file_read(file.get(), nullptr, error.out()));
  check(stream, error, fmt::format("reading the GPG key '{}'", key_file.string()), ErrorKind::input);
  guint imported = 0;
  check(ostree_repo_remote_gpg_import(repo, remote.c_str(), G_INPUT_STREAM(stream.get()), nullptr, &imported, nullptr,
                                      error.out()),
        error, fmt::format("importing the GPG key '{}'", key_file.string()), ErrorKind::input);
}

std::string ensure_remote(Repository& repository, const PullSource& source) {
  const std::string name = remote_name(source);
  VariantDict options(g_variant_dict_new(nullptr));
  g_variant_dict_insert(options.get(), "gpg-verify", "b", source.gpg_key_file ? TRUE : FALSE);
  g_variant_dict_insert(options.get(), "gpg-verify-summary", "b", FALSE);
  const Variant variant(g_variant_ref_sink(g_variant_dict_end(options.get())));
  GErrorSlot error;
  check(ostree_repo_remote_change(repository.raw(), nullptr, OSTREE_REPO_REMOTE_CHANGE_ADD_IF_NOT_EXISTS, name.c_str(),
                                  source.url.c_str(), variant.get(), nullptr, error.out()),
        error, fmt::format("configuring the remote '{}'", source.url));
  if (source.gpg_key_file) import_keys(repository.raw(), name, *source.gpg_key_file);
  return name;
}

[[noreturn]] void raise_pull_error(const GErrorSlot& error, const PullSource& source, const std::string& what) {
  const std::string message = fmt::format("pulling {} from '{}': {}", what, source.url, error.message());
  const std::string& text = error.message();
  if (error.is(OSTREE_GPG_ERROR, OSTREE_GPG_ERROR_NO_SIGNATURE) ||
      error.is(OSTREE_GPG_ERROR, OSTREE_GPG_ERROR_MISSING_KEY) ||
      error.is(OSTREE_GPG_ERROR, OSTREE_GPG_ERROR_INVALID_SIGNATURE) || text.find("GPG") != std::string::npos) {
    throw Error(
        ErrorKind::mismatch, message,
        "[base] verify.gpg must be the key that signs this repository; verify = \"none\" accepts unsigned commits");
  }
  if (text.find("orrupt") != std::string::npos) {
    throw Error(ErrorKind::mismatch, message,
                "an object of the remote does not hash to its name: the remote or the way to it is damaged");
  }
  if (error.is(G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
    throw Error(ErrorKind::input, message,
                "check [base] remote (or repo) and ref; 'ostree remote refs' lists what a remote has");
  }
  if (error.is(G_IO_ERROR, G_IO_ERROR_NO_SPACE)) error.raise(message);
  if (source.url.starts_with("http"))
    throw Error(ErrorKind::unreachable, message, "what was fetched is kept: run again to go on");
  throw Error(ErrorKind::failed, message);
}

struct ProgressBridge {
  const PullObserver& observer;
  std::exception_ptr failure;
};

void on_progress(OstreeAsyncProgress* progress, gpointer data) noexcept {
  auto* bridge = static_cast<ProgressBridge*>(data);
  try {
    PullProgress values;
    values.objects_done = ostree_async_progress_get_uint(progress, "fetched") +
                          ostree_async_progress_get_uint(progress, "scanned-metadata");
    values.objects_total = ostree_async_progress_get_uint(progress, "requested") +
                           ostree_async_progress_get_uint(progress, "scanned-metadata");
    values.bytes_done = ostree_async_progress_get_uint64(progress, "bytes-transferred");
    bridge->observer(values);
  } catch (...) {
    bridge->failure = std::current_exception();
  }
}

void pull(Repository& repository, const PullSource& source, const std::string& what, int flags,
          const PullObserver& observer) {
  const std::string remote = ensure_remote(repository, source);
  const char* refs[] = {what.c_str(), nullptr};
  VariantDict options(g_variant_dict_new(nullptr));
  g_variant_dict_insert_value(options.get(), "refs", g_variant_new_strv(refs, 1));
  g_variant_dict_insert(options.get(), "flags", "i", flags);
  g_variant_dict_insert(options.get(), "depth", "i", 0);
  g_variant_dict_insert(options.get(), "gpg-verify", "b", source.gpg_key_file ? TRUE : FALSE);
  g_variant_dict_insert(options.get(), "gpg-verify-summary", "b", FALSE);
  g_variant_dict_insert(options.get(), "n-network-retries", "u", 3U);
  const Variant variant(g_variant_ref_sink(g_variant_dict_end(options.get())));

  ProgressBridge bridge{observer, nullptr};
  Object<OstreeAsyncProgress> progress(observer ? ostree_async_progress_new_and_connect(on_progress, &bridge)
                                                : nullptr);
  GErrorSlot error;
  const gboolean done = ostree_repo_pull_with_options(repository.raw(), remote.c_str(), variant.get(), progress.get(),
                                                      nullptr, error.out());
  if (progress) ostree_async_progress_finish(progress.get());
  if (bridge.failure) std::rethrow_exception(bridge.failure);
  if (done == FALSE) raise_pull_error(error, source, fmt::format("'{}'", what));
}

constexpr int commit_only = OSTREE_REPO_PULL_FLAGS_COMMIT_ONLY | OSTREE_REPO_PULL_FLAGS_UNTRUSTED;

}  // namespace

std::string fetch_commit_of_ref(Repository& repository, const PullSource& source, const std::string& ref) {
  pull(repository, source, ref, commit_only, {});
  const std::string refspec = remote_name(source) + ":" + ref;
  const auto commit = repository.resolve(refspec);
  if (!commit) throw Error(ErrorKind::input, fmt::format("'{}' has no ref '{}'", source.url, ref));
  return *commit;
}

void fetch_commit_object(Repository& repository, const PullSource& source, const std::string& commit) {
  pull(repository, source, commit, commit_only, {});
}

void pull_commit(Repository& repository, const PullSource& source, const std::string& commit,
                 const PullObserver& observer) {
  pull(repository, source, commit, OSTREE_REPO_PULL_FLAGS_UNTRUSTED, observer);
}

}  // namespace compose::ostree
