#include "ostree/delta.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <boost/filesystem/operations.hpp>

#include "ostree/glib.hpp"
#include "ostree/tree.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"

namespace compose::ostree {
namespace {

constexpr const char* leftover_prefix = "delta-";
constexpr std::uint64_t superblock_limit_bytes = 128U << 20U;  // OSTREE_MAX_METADATA_SIZE
constexpr const char* superblock_type = "(a{sv}tayay(a{sv}aya(say)sstayay)aya(uayttay)a(yaytt))";
constexpr std::size_t time_member = 1;

// 43 characters of base64 with '_' for '/'.
std::string short_name(const std::string& commit) {
  std::array<guchar, 32> bytes{};
  ostree_checksum_inplace_to_bytes(commit.c_str(), bytes.data());
  const CString text(ostree_checksum_b64_from_bytes(bytes.data()));
  return text.get();
}

std::string long_name(const std::string& name) {
  const std::unique_ptr<guchar, Deleter<g_free>> bytes(ostree_checksum_b64_to_bytes(name.c_str()));
  const CString text(ostree_checksum_from_bytes(bytes.get()));
  return text.get();
}

fs::path folder_of(const Repository& archive, const DeltaName& name) {
  std::string text = short_name(name.to);
  if (!name.from.empty()) text = short_name(name.from) + "-" + text;
  return archive.path() / "deltas" / text.substr(0, 2) / text.substr(2);
}

bool is_short_name(const std::string& text) {
  return text.size() == 43 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '+' || c == '_' || c == '/';
         });
}

// Of "deltas/XX/REST"; nothing when it is no delta's.
std::optional<DeltaName> name_of(const fs::path& folder) {
  const std::string text = folder.parent_path().filename().string() + folder.filename().string();
  const auto dash = text.find('-');
  const std::string from = dash == std::string::npos ? "" : text.substr(0, dash);
  const std::string to = dash == std::string::npos ? text : text.substr(dash + 1);
  if (!is_short_name(to) || (dash != std::string::npos && !is_short_name(from))) return std::nullopt;
  return DeltaName{from.empty() ? "" : long_name(from), long_name(to)};
}

enum class Parts { files, in_superblock };

void generate(Repository& archive, const DeltaName& name, const fs::path& superblock, Parts parts) {
  VariantDict options(g_variant_dict_new(nullptr));
  g_variant_dict_insert(options.get(), "filename", "^ay", superblock.c_str());
  // In MB. bsdiff needs seventeen times the size of a file in memory; rolling checksums do for larger ones.
  g_variant_dict_insert(options.get(), "max-bsdiff-size", "u", 16U);
  g_variant_dict_insert(options.get(), "inline-parts", "b", parts == Parts::in_superblock ? TRUE : FALSE);
  const Variant parameters(g_variant_ref_sink(g_variant_dict_end(options.get())));
  GErrorSlot error;
  check(ostree_repo_static_delta_generate(archive.raw(), OSTREE_STATIC_DELTA_GENERATE_OPT_MAJOR,
                                          name.from.empty() ? nullptr : name.from.c_str(), name.to.c_str(), nullptr,
                                          parameters.get(), nullptr, error.out()),
        error, fmt::format("making the delta from {} to {}", name.from.empty() ? "nothing" : name.from, name.to));
}

void set_time(const fs::path& superblock, std::uint64_t seconds) {
  const std::string bytes = read_file(superblock, superblock_limit_bytes);
  const Bytes owned(g_bytes_new(bytes.data(), bytes.size()));
  const Variant before(
      g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(superblock_type), owned.get(), FALSE)));
  std::vector<Variant> members;
  std::vector<GVariant*> pointers;
  for (std::size_t index = 0; index < g_variant_n_children(before.get()); ++index) {
    members.emplace_back(index == time_member ? g_variant_ref_sink(g_variant_new_uint64(GUINT64_TO_BE(seconds)))
                                              : g_variant_get_child_value(before.get(), index));
    pointers.push_back(members.back().get());
  }
  const Variant after(g_variant_ref_sink(g_variant_new_tuple(pointers.data(), pointers.size())));
  write_file_atomically(superblock,
                        {static_cast<const char*>(g_variant_get_data(after.get())), g_variant_get_size(after.get())});
}

std::uint64_t size_of(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder)) bytes += fs::file_size(entry.path());
  return bytes;
}

// A small one is a single file: one request. (libostree 2022.2 to 2023.6 also looks at the commit's tree at once, and
// fetches as objects what it has not yet unpacked by then: the sooner it begins the better.)
void generate_fitting(Repository& archive, const DeltaName& name, const fs::path& folder) {
  constexpr std::uint64_t most_in_superblock_bytes = 1U << 20U;
  fs::create_directory(folder);
  generate(archive, name, folder / "superblock", Parts::files);
  if (size_of(folder) > most_in_superblock_bytes) return;
  fs::remove_all(folder);
  fs::create_directory(folder);
  generate(archive, name, folder / "superblock", Parts::in_superblock);
}

std::optional<Delta> describe(const fs::path& folder) {
  if (!fs::exists(folder / "superblock")) return std::nullopt;
  return Delta{sha256_of_file(folder / "superblock"), size_of(folder)};
}

}  // namespace

Delta make_delta(Repository& archive, const DeltaName& name) {
  const fs::path target = folder_of(archive, name);
  if (auto known = describe(target)) return *known;
  const TemporaryDirectory work(archive.path() / "tmp", leftover_prefix);
  const fs::path made = work.path() / "delta";
  generate_fitting(archive, name, made);
  set_time(made / "superblock", commit_timestamp(archive, name.to));
  fs::create_directories(target.parent_path());
  fs::rename(made, target);
  return describe(target).value();
}

std::map<DeltaName, Delta> deltas_of(const Repository& archive) {
  std::map<DeltaName, Delta> deltas;
  const fs::path root = archive.path() / "deltas";
  if (!fs::is_directory(root)) return deltas;
  for (const auto& group : fs::directory_iterator(root)) {
    if (!fs::is_directory(group.path())) continue;
    for (const auto& folder : fs::directory_iterator(group.path())) {
      const auto name = name_of(folder.path());
      const auto delta = name ? describe(folder.path()) : std::nullopt;
      if (delta) deltas.emplace(*name, *delta);
    }
  }
  return deltas;
}

void delete_delta(const Repository& archive, const DeltaName& name) {
  const fs::path folder = folder_of(archive, name);
  const TemporaryDirectory work(archive.path() / "tmp", leftover_prefix);
  fs::rename(folder, work.path() / "delta");
  boost::system::error_code not_empty;
  fs::remove(folder.parent_path(), not_empty);
}

void remove_delta_leftovers(const Repository& archive) {
  for (fs::directory_iterator entry(archive.path() / "tmp"), end; entry != end; ++entry) {
    if (entry->path().filename().string().starts_with(leftover_prefix)) fs::remove_all(entry->path());
  }
}

}  // namespace compose::ostree
