// Commits as such: metadata, signatures, and the difference between two.

#include <array>
#include <vector>

#include "ostree/meta.hpp"
#include "ostree/tree.hpp"

namespace compose::ostree {
namespace {

constexpr const char* ed25519_key = "ostree.sign.ed25519";
constexpr const char* packages_key = "rpmostree.rpmdb.pkglist";
constexpr const char* packages_type = "a(sssss)";

Variant load_commit(Repository& repository, const std::string& commit) {
  GErrorSlot error;
  GVariant* variant = nullptr;
  check(ostree_repo_load_commit(repository.raw(), commit.c_str(), &variant, nullptr, error.out()), error,
        fmt::format("loading commit {}", commit));
  return Variant(variant);
}

Variant load_detached_metadata(Repository& repository, const std::string& commit) {
  GErrorSlot error;
  GVariant* variant = nullptr;
  check(ostree_repo_read_commit_detached_metadata(repository.raw(), commit.c_str(), &variant, nullptr, error.out()),
        error, fmt::format("loading the signatures of commit {}", commit));
  return Variant(variant);
}

struct DirectoryChecksums {
  std::string contents;
  std::string meta;
};

std::string checksum_of(GVariant* bytes) {
  const CString text(ostree_checksum_from_bytes_v(bytes));
  return text.get();
}

DirectoryChecksums root_of(Repository& repository, const std::string& commit) {
  const Variant variant = load_commit(repository, commit);
  GVariant* contents = nullptr;
  GVariant* meta = nullptr;
  g_variant_get_child(variant.get(), 6, "@ay", &contents);
  g_variant_get_child(variant.get(), 7, "@ay", &meta);
  const Variant owned_contents(contents);
  const Variant owned_meta(meta);
  return {checksum_of(contents), checksum_of(meta)};
}

struct DirectoryEntries {
  std::map<std::string, std::string> files;
  std::map<std::string, DirectoryChecksums> directories;
};

DirectoryEntries load_directory(OstreeRepo* repo, const std::string& checksum) {
  DirectoryEntries entries;
  if (checksum.empty()) return entries;
  GErrorSlot error;
  GVariant* raw = nullptr;
  check(ostree_repo_load_variant(repo, OSTREE_OBJECT_TYPE_DIR_TREE, checksum.c_str(), &raw, error.out()), error,
        fmt::format("loading the object {}.dirtree", checksum));
  const Variant dirtree(raw);
  const Variant files(g_variant_get_child_value(dirtree.get(), 0));
  for (gsize index = 0; index < g_variant_n_children(files.get()); ++index) {
    const char* name = nullptr;
    GVariant* content = nullptr;
    g_variant_get_child(files.get(), index, "(&s@ay)", &name, &content);
    const Variant owned(content);
    entries.files.emplace(name, checksum_of(content));
  }
  const Variant directories(g_variant_get_child_value(dirtree.get(), 1));
  for (gsize index = 0; index < g_variant_n_children(directories.get()); ++index) {
    const char* name = nullptr;
    GVariant* contents = nullptr;
    GVariant* meta = nullptr;
    g_variant_get_child(directories.get(), index, "(&s@ay@ay)", &name, &contents, &meta);
    const Variant owned_contents(contents);
    const Variant owned_meta(meta);
    entries.directories.emplace(name, DirectoryChecksums{checksum_of(contents), checksum_of(meta)});
  }
  return entries;
}

Node directory_node(OstreeRepo* repo, const DirectoryChecksums& checksums) {
  Node node;
  node.kind = NodeKind::directory;
  node.meta = load_dirmeta(repo, checksums.meta);
  node.checksum = checksums.contents;
  return node;
}

using Visit = std::function<void(const std::string& path, const Node& node)>;

// Walks down two trees at once, only where they differ.
class Walk {
 public:
  Walk(OstreeRepo* repo, const VisitChange& visit) : repo_(repo), visit_(visit) {}

  // `from` and `to`: the directories' contents; empty: none.
  void compare(const std::string& path, const std::string& from, const std::string& to) {
    if (from == to) return;
    const DirectoryEntries before = load_directory(repo_, from);
    const DirectoryEntries after = load_directory(repo_, to);
    for_each_name(before.files, after.files, [&](const std::string& name, const auto* old_file, const auto* new_file) {
      if (old_file != nullptr && new_file != nullptr && *old_file == *new_file) return;
      visit_(path + "/" + name, file_node(old_file), file_node(new_file));
    });
    for_each_name(before.directories, after.directories,
                  [&](const std::string& name, const auto* old_directory, const auto* new_directory) {
                    compare_directories(path + "/" + name, old_directory, new_directory);
                  });
  }

 private:
  template <typename Entry, typename Take>
  static void for_each_name(const std::map<std::string, Entry>& before, const std::map<std::string, Entry>& after,
                            const Take& take) {
    std::map<std::string, std::pair<const Entry*, const Entry*>> all;
    for (const auto& [name, entry] : before) all[name].first = &entry;
    for (const auto& [name, entry] : after) all[name].second = &entry;
    for (const auto& [name, entries] : all) take(name, entries.first, entries.second);
  }

  void compare_directories(const std::string& path, const DirectoryChecksums* before, const DirectoryChecksums* after) {
    const bool same_meta = before != nullptr && after != nullptr && before->meta == after->meta;
    if (!same_meta) visit_(path, directory(before), directory(after));
    compare(path, before == nullptr ? "" : before->contents, after == nullptr ? "" : after->contents);
  }

  std::optional<Node> file_node(const std::string* checksum) const {
    return checksum == nullptr ? std::nullopt : std::optional(load_file_node(repo_, *checksum));
  }
  std::optional<Node> directory(const DirectoryChecksums* checksums) const {
    return checksums == nullptr ? std::nullopt : std::optional(directory_node(repo_, *checksums));
  }

  OstreeRepo* repo_;
  const VisitChange& visit_;
};

GVariant* package_list(const std::vector<PackageRow>& packages) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE(packages_type));
  for (const auto& row : packages) {
    g_variant_builder_add(&builder, "(sssss)", row.name.c_str(), row.epoch.c_str(), row.version.c_str(),
                          row.release.c_str(), row.arch.c_str());
  }
  return g_variant_builder_end(&builder);
}

}  // namespace

Variant to_variant(const CommitMetadata& metadata) {
  std::map<std::string, GVariant*> values;  // sorted: libostree's own sorting of a{sv} is not promised
  for (const auto& [key, value] : metadata.strings) values[key] = g_variant_new_string(value.c_str());
  for (const auto& [key, value] : metadata.booleans) values[key] = g_variant_new_boolean(value ? TRUE : FALSE);
  if (!metadata.ref_binding.empty()) {
    const char* refs[] = {metadata.ref_binding.c_str()};
    values["ostree.ref-binding"] = g_variant_new_strv(refs, 1);
  }
  if (!metadata.packages.empty()) values[packages_key] = package_list(metadata.packages);
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{sv}"));
  for (const auto& [key, value] : values) g_variant_builder_add(&builder, "{sv}", key.c_str(), value);
  return Variant(g_variant_ref_sink(g_variant_builder_end(&builder)));
}

void for_each_changed(Repository& repository, const std::string& from, const std::string& to,
                      const VisitChange& visit) {
  const std::string before = from.empty() ? "" : root_of(repository, from).contents;
  Walk(repository.raw(), visit).compare("", before, root_of(repository, to).contents);
}

void for_each_added(Repository& repository, const std::string& from, const std::string& to, const Visit& visit) {
  for_each_changed(repository, from, to,
                   [&](const std::string& path, const std::optional<Node>&, const std::optional<Node>& node) {
                     if (node) visit(path, *node);
                   });
}

std::uint64_t commit_timestamp(Repository& repository, const std::string& commit) {
  return ostree_commit_get_timestamp(load_commit(repository, commit).get());
}

std::optional<std::string> commit_string(Repository& repository, const std::string& commit, const std::string& key) {
  const Variant variant = load_commit(repository, commit);
  const Variant metadata(g_variant_get_child_value(variant.get(), 0));
  const char* value = nullptr;
  if (g_variant_lookup(metadata.get(), key.c_str(), "&s", &value) == FALSE) return std::nullopt;
  return std::string(value);
}

std::vector<PackageRow> commit_packages(Repository& repository, const std::string& commit) {
  const Variant variant = load_commit(repository, commit);
  const Variant metadata(g_variant_get_child_value(variant.get(), 0));
  const Variant list(g_variant_lookup_value(metadata.get(), packages_key, G_VARIANT_TYPE(packages_type)));
  std::vector<PackageRow> packages;
  for (gsize index = 0; list && index < g_variant_n_children(list.get()); ++index) {
    std::array<const char*, 5> fields{};
    g_variant_get_child(list.get(), index, "(&s&s&s&s&s)", &fields[0], &fields[1], &fields[2], &fields[3], &fields[4]);
    packages.push_back({fields[0], fields[1], fields[2], fields[3], fields[4]});
  }
  return packages;
}

std::string commit_bytes(Repository& repository, const std::string& commit) {
  const Variant variant = load_commit(repository, commit);
  return {static_cast<const char*>(g_variant_get_data(variant.get())), g_variant_get_size(variant.get())};
}

std::vector<std::string> commit_signatures(Repository& repository, const std::string& commit) {
  std::vector<std::string> signatures;
  const Variant detached = load_detached_metadata(repository, commit);
  if (!detached) return signatures;
  const Variant list(g_variant_lookup_value(detached.get(), ed25519_key, G_VARIANT_TYPE("aay")));
  if (!list) return signatures;
  for (gsize index = 0; index < g_variant_n_children(list.get()); ++index) {
    const Variant entry(g_variant_get_child_value(list.get(), index));
    gsize size = 0;
    const void* data = g_variant_get_fixed_array(entry.get(), &size, 1);
    signatures.emplace_back(static_cast<const char*>(data), size);
  }
  return signatures;
}

void set_commit_signature(Repository& repository, const std::string& commit, const std::string& signature) {
  GVariant* bytes = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, signature.data(), signature.size(), 1);
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{sv}"));
  g_variant_builder_add(&builder, "{sv}", ed25519_key, g_variant_new_array(G_VARIANT_TYPE("ay"), &bytes, 1));
  const Variant metadata(g_variant_ref_sink(g_variant_builder_end(&builder)));
  GErrorSlot error;
  check(ostree_repo_write_commit_detached_metadata(repository.raw(), commit.c_str(), metadata.get(), nullptr,
                                                   error.out()),
        error, fmt::format("storing the signature of commit {}", commit));
}

}  // namespace compose::ostree
