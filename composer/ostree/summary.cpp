#include "ostree/summary.hpp"

#include <algorithm>

#include "ostree/glib.hpp"
#include "ostree/tree.hpp"
#include "support/digest.hpp"

namespace compose::ostree {
namespace {

constexpr const char* history_key = "atomic-compose.history";
constexpr const char* version_key = "ostree.commit.version";
constexpr const char* deltas_key = "ostree.static-deltas";

// a{sv} with its keys in order.
using Dictionary = std::map<std::string, GVariant*>;

GVariant* to_variant(const Dictionary& dictionary) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{sv}"));
  for (const auto& [key, value] : dictionary) g_variant_builder_add(&builder, "{sv}", key.c_str(), value);
  return g_variant_builder_end(&builder);
}

GVariant* history_variant(const std::vector<PublishedVersion>& history) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ss)"));
  for (const auto& entry : history) {
    g_variant_builder_add(&builder, "(ss)", entry.version.c_str(), entry.commit.c_str());
  }
  return g_variant_builder_end(&builder);
}

GVariant* big_endian(std::uint64_t number) { return g_variant_new_uint64(GUINT64_TO_BE(number)); }

// As libostree's summary_add_ref_entry() has it; the commit's size is in the machine's own byte order there.
GVariant* ref_variant(const std::string& ref, const std::vector<PublishedVersion>& history, Repository& archive) {
  const PublishedVersion& current = history.front();
  Dictionary metadata{{history_key, history_variant(history)},
                      {"ostree.commit.timestamp", big_endian(commit_timestamp(archive, current.commit))}};
  if (!current.version.empty()) metadata[version_key] = g_variant_new_string(current.version.c_str());
  return g_variant_new("(s(t@ay@a{sv}))", ref.c_str(), std::uint64_t{commit_bytes(archive, current.commit).size()},
                       ostree_checksum_to_bytes_v(current.commit.c_str()), to_variant(metadata));
}

GVariant* deltas_variant(const std::map<DeltaName, std::string>& deltas) {
  Dictionary entries;
  for (const auto& [name, digest] : deltas) {
    entries[name.from.empty() ? name.to : name.from + "-" + name.to] = ostree_checksum_to_bytes_v(digest.c_str());
  }
  return to_variant(entries);
}

std::uint64_t newest_time(const Summary& summary, Repository& archive) {
  std::uint64_t newest = 0;
  for (const auto& [ref, history] : summary.histories) {
    newest = std::max(newest, commit_timestamp(archive, history.front().commit));
  }
  return newest;
}

std::string checksum_of(GVariant* bytes) {
  if (g_variant_get_size(bytes) != sizeof(Sha256Bytes)) return {};
  const CString text(ostree_checksum_from_bytes_v(bytes));
  return text.get();
}

std::vector<PublishedVersion> read_history(GVariant* metadata, const std::string& commit) {
  std::vector<PublishedVersion> history;
  const Variant list(g_variant_lookup_value(metadata, history_key, G_VARIANT_TYPE("a(ss)")));
  for (gsize index = 0; list && index < g_variant_n_children(list.get()); ++index) {
    const char* version = nullptr;
    const char* published = nullptr;
    g_variant_get_child(list.get(), index, "(&s&s)", &version, &published);
    if (is_sha256_hex(published)) history.push_back({version, published});
  }
  if (!history.empty() && history.front().commit == commit) return history;
  // Somebody else moved the ref.
  const char* version = "";
  g_variant_lookup(metadata, version_key, "&s", &version);
  std::erase_if(history, [&](const PublishedVersion& entry) { return entry.commit == commit; });
  history.insert(history.begin(), {version, commit});
  return history;
}

void read_deltas(GVariant* metadata, Summary& summary) {
  const Variant entries(g_variant_lookup_value(metadata, deltas_key, G_VARIANT_TYPE("a{sv}")));
  for (gsize index = 0; entries && index < g_variant_n_children(entries.get()); ++index) {
    const char* name = nullptr;
    GVariant* value = nullptr;
    g_variant_get_child(entries.get(), index, "{&sv}", &name, &value);
    const Variant digest(value);
    if (g_variant_is_of_type(digest.get(), G_VARIANT_TYPE_BYTESTRING) == FALSE) continue;
    const std::string text = name;
    const auto dash = text.find('-');
    const DeltaName delta{dash == std::string::npos ? "" : text.substr(0, dash),
                          dash == std::string::npos ? text : text.substr(dash + 1)};
    const bool valid = is_sha256_hex(delta.to) && (delta.from.empty() || is_sha256_hex(delta.from));
    if (valid) summary.deltas[delta] = checksum_of(digest.get());
  }
}

}  // namespace

std::string encode(const Summary& summary, Repository& archive) {
  GVariantBuilder refs;
  g_variant_builder_init(&refs, G_VARIANT_TYPE("a(s(taya{sv}))"));
  for (const auto& [ref, history] : summary.histories) {
    g_variant_builder_add_value(&refs, ref_variant(ref, history, archive));
  }
  Dictionary metadata{{"ostree.summary.last-modified", big_endian(newest_time(summary, archive))},
                      {"ostree.summary.mode", g_variant_new_string("archive-z2")},
                      {"ostree.summary.tombstone-commits", g_variant_new_boolean(FALSE)}};
  if (!summary.deltas.empty()) metadata[deltas_key] = deltas_variant(summary.deltas);
  const Variant variant(
      g_variant_ref_sink(g_variant_new("(@a(s(taya{sv}))@a{sv})", g_variant_builder_end(&refs), to_variant(metadata))));
  return {static_cast<const char*>(g_variant_get_data(variant.get())), g_variant_get_size(variant.get())};
}

Summary decode_summary(std::string_view bytes, std::string_view origin) {
  const Bytes owned(g_bytes_new(bytes.data(), bytes.size()));
  const Variant variant(
      g_variant_ref_sink(g_variant_new_from_bytes(OSTREE_SUMMARY_GVARIANT_FORMAT, owned.get(), FALSE)));
  if (g_variant_is_normal_form(variant.get()) == FALSE) {
    throw Error(
        ErrorKind::input, fmt::format("{} is not the summary of an OSTree repository", origin),
        "'ostree summary --update' writes a new one from the refs; what was published before is forgotten then");
  }
  Summary summary;
  const Variant refs(g_variant_get_child_value(variant.get(), 0));
  for (gsize index = 0; index < g_variant_n_children(refs.get()); ++index) {
    const char* ref = nullptr;
    guint64 size = 0;
    GVariant* checksum = nullptr;
    GVariant* metadata = nullptr;
    g_variant_get_child(refs.get(), index, "(&s(t@ay@a{sv}))", &ref, &size, &checksum, &metadata);
    const Variant owned_checksum(checksum);
    const Variant owned_metadata(metadata);
    const std::string commit = checksum_of(checksum);
    if (!commit.empty()) summary.histories[ref] = read_history(metadata, commit);
  }
  const Variant metadata(g_variant_get_child_value(variant.get(), 1));
  read_deltas(metadata.get(), summary);
  return summary;
}

}  // namespace compose::ostree
