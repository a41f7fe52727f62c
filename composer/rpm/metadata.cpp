#include "rpm/metadata.hpp"

#include <array>
#include <map>
#include <set>

#include <fcntl.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

extern "C" {
#include <solv/solv_xfopen.h>
}

#include "rpm/download.hpp"
#include "rpm/transfer.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"

namespace compose::rpm {
namespace {

using Result = Handle<LrResult, lr_result_free>;

constexpr std::uint64_t index_limit_bytes = 16U << 20U;  // repomd.xml has a few KiB
constexpr std::uint64_t file_limit_bytes = 512U << 20U;  // compressed; Fedora's filelists have some 80 MiB

// A file that repomd.xml lists.
struct Record {
  std::string type;
  std::string location;
  LrChecksumType checksum_type{};
  std::string checksum;
  std::uint64_t size_bytes = 0;
};

struct Index {
  std::string text;  // repomd.xml itself
  std::string revision;
  std::vector<Record> records;
};

std::string file_name(const std::string& id) {
  std::string name = id.substr(0, 100);
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_') c = '_';
  return name;
}

fs::path folder_of(const RepoConfig& repo, const fs::path& cache) {
  const std::string sources =
      fmt::format("{}\n{}\n{}", fmt::join(repo.base_urls, "\n"), repo.metalink, repo.mirrorlist);
  return cache / "metadata" / fmt::format("{}-{}", file_name(repo.id), sha256_hex(sources).substr(0, 16));
}

[[noreturn]] void refuse(const std::string& type, const std::string& why) {
  throw Error(ErrorKind::input, fmt::format("repomd.xml: its '{}' {}", type, why),
              "report this to whoever runs the repository");
}

Record read_record(const LrYumRepoMdRecord& from) {
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  const std::string type = text(from.type);
  if (from.location_base != nullptr) refuse(type, "is on another server");
  Record record{type, text(from.location_href), lr_checksum_type(text(from.checksum_type).c_str()), text(from.checksum),
                static_cast<std::uint64_t>(std::max<gint64>(from.size, 0))};
  check_location(record.location);
  if (record.checksum_type < LR_CHECKSUM_SHA256)
    refuse(type, fmt::format("has only a {} checksum, which proves nothing", text(from.checksum_type)));
  const std::size_t digits = record.checksum_type == LR_CHECKSUM_SHA512   ? 128
                             : record.checksum_type == LR_CHECKSUM_SHA384 ? 96
                                                                          : 64;
  if (!parse_hex(record.checksum) || record.checksum.size() != digits) refuse(type, "has a checksum that is none");
  if (record.size_bytes == 0) refuse(type, "has no size");
  if (record.size_bytes > file_limit_bytes)
    refuse(type, fmt::format("has {} bytes; at most {} are taken", record.size_bytes, file_limit_bytes));
  return record;
}

std::vector<Record> read_records(LrYumRepoMd* repomd) {
  std::vector<Record> records;
  for (const char* type : {"primary", "filelists"}) {
    if (const auto* record = lr_yum_repomd_get_record(repomd, type)) records.push_back(read_record(*record));
  }
  if (records.empty() || records.front().type != "primary")
    throw Error(ErrorKind::input, "repomd.xml lists no 'primary', which says what packages there are");
  return records;
}

ErrorKind kind_of(int code) {
  switch (code) {
    case LRE_BADCHECKSUM:
    case LRE_BADGPG:
    case LRE_GPGERROR:
      return ErrorKind::mismatch;
    case LRE_REPOMDXML:
    case LRE_REPOMD:
    case LRE_XMLPARSER:
    case LRE_MLBAD:
    case LRE_MLXML:
    case LRE_BADURL:
      return ErrorKind::input;
    case LRE_IO:
    case LRE_MEMORY:
    case LRE_CANNOTCREATEDIR:
    case LRE_CANNOTCREATETMP:
    case LRE_GPGNOTSUPPORTED:
      return ErrorKind::failed;
    default:
      return ErrorKind::unreachable;
  }
}

// What each mirror had to say; the whole has only "all mirrors were tried".
int on_mirror_failure(void* data, const char* message, const char* url, const char*) noexcept {
  return add_failure(*static_cast<std::string*>(data), url, message) ? LR_CB_OK : LR_CB_ERROR;
}

[[noreturn]] void throw_failure(const GError& error, const std::string& failures) {
  const ErrorKind kind = speaks_of_content(failures) ? ErrorKind::mismatch : kind_of(error.code);
  throw Error(kind, fmt::format("repomd.xml: {}{}{}", error.message, failures.empty() ? "" : ": ", failures));
}

int limit_index(void*, double, double done) noexcept {
  return done > static_cast<double>(index_limit_bytes) ? LR_CB_ERROR : LR_CB_OK;
}

// The keys that may sign repomd.xml, in a folder of their own for gpg.
void import_keys(const RepoConfig& repo, const fs::path& cache, const fs::path& gpg_home) {
  fs::create_directory(gpg_home);
  fs::permissions(gpg_home, fs::owner_all);
  if (repo.gpg_keys.empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: repo_gpgcheck = 1, and no gpgkey to check with", repo.place),
                "name the repository's key: gpgkey=file:///…");
  }
  for (const auto& key : fetch_keys({true, repo.gpg_keys}, cache)) {
    GError* error = nullptr;
    if (lr_gpg_import_key(key.c_str(), gpg_home.c_str(), &error) == 0) {
      const GlibError owned(error);
      throw Error(ErrorKind::failed, fmt::format("importing a key of '{}': {}", repo.id, owned->message));
    }
  }
}

Index fetch_index(LrHandle* mirrors, const RepoConfig& repo, const fs::path& cache, const fs::path& folder) {
  const TemporaryDirectory scratch(folder, "index-");
  const fs::path gpg_home = scratch.path() / "gpg";
  if (repo.repo_gpg_check) {
    import_keys(repo, cache, gpg_home);
    set_option(mirrors, LRO_GPGCHECK, 1L);
    set_option(mirrors, LRO_GNUPGHOMEDIR, gpg_home.c_str());
  }
  std::array<char*, 1> nothing_else{nullptr};
  set_option(mirrors, LRO_YUMDLIST, nothing_else.data());
  set_option(mirrors, LRO_DESTDIR, scratch.path().c_str());
  std::string failures;
  set_option(mirrors, LRO_PROGRESSCB, &limit_index);
  set_option(mirrors, LRO_PROGRESSDATA, &failures);
  set_option(mirrors, LRO_HMFCB, &on_mirror_failure);
  const Result result(lr_result_init());
  GError* error = nullptr;
  if (lr_handle_perform(mirrors, result.get(), &error) == 0) {
    const GlibError owned(error);
    throw_failure(*owned, failures);
  }
  LrYumRepoMd* repomd = nullptr;
  set_option(mirrors, LRO_HMFCB, static_cast<LrHandleMirrorFailureCb>(nullptr));
  lr_result_getinfo(result.get(), nullptr, LRR_YUM_REPOMD, &repomd);
  return {read_file(scratch.path() / "repodata/repomd.xml", index_limit_bytes),
          repomd->revision == nullptr ? "" : repomd->revision, read_records(repomd)};
}

// CHECKSUM-primary.xml.gz: how it is compressed is known by the end of its name.
fs::path stored_name(const Record& record) {
  const std::string end = fs::path(record.location).extension().string();
  static const std::set<std::string> known{".xml", ".gz", ".xz", ".bz2", ".zst", ".lzma"};
  if (!known.contains(end) || solv_xfopen_iscompressed(("x" + end).c_str()) < 0)
    refuse(record.type, fmt::format("is '{}', compressed in a way that cannot be read here", record.location));
  return fmt::format("{}-{}{}", record.checksum, record.type, end == ".xml" ? ".xml" : ".xml" + end);
}

bool is_there(const Record& record, const fs::path& file) {
  boost::system::error_code absent;
  if (fs::file_size(file, absent) != record.size_bytes || absent) return false;
  const Fd content = open_file(file, O_RDONLY);
  gboolean matches = FALSE;
  return lr_checksum_fd_cmp(record.checksum_type, content.get(), record.checksum.c_str(), FALSE, &matches, nullptr) !=
             0 &&
         matches != 0;
}

// Each under its checksum's name: what a killed run left is either whole or has another name.
std::map<std::string, fs::path> fetch_files(LrHandle* mirrors, const Index& index, const fs::path& folder,
                                            Stage& stage) {
  std::map<std::string, fs::path> files;
  std::vector<Transfer> missing;
  std::vector<fs::path> targets;
  std::uint64_t total = 0;
  for (const auto& record : index.records) {
    const fs::path target = folder / stored_name(record);
    files[record.type] = target;
    if (is_there(record, target)) continue;
    targets.push_back(target);
    missing.push_back({mirrors, record.location, folder / ("." + target.filename().string() + ".partial"),
                       record.checksum_type, record.checksum, record.size_bytes});
    total += record.size_bytes;
  }
  transfer(missing, [&](std::uint64_t done) { stage.progress(done, total); });
  for (std::size_t i = 0; i < missing.size(); ++i) fs::rename(missing[i].partial, targets[i]);
  return files;
}

// What an older repomd.xml named, and what killed runs left. Parsed forms of what is current stay (solv_cache.cpp).
void remove_others(const fs::path& folder, const std::map<std::string, fs::path>& current) {
  std::set<std::string> stems{"repomd.xml"};
  for (const auto& [type, file] : current) stems.insert(file.filename().string());
  std::vector<fs::path> others;
  for (const auto& entry : fs::directory_iterator(folder)) {
    fs::path name = entry.path().filename();
    if (name.extension() == ".solv") name = name.stem();
    if (!stems.contains(name.string())) others.push_back(entry.path());
  }
  for (const auto& other : others) fs::remove_all(other);
}

Metadata fetch_one(const RepoConfig& repo, const fs::path& cache, Stage& stage) {
  const fs::path folder = folder_of(repo, cache);
  fs::create_directories(folder);
  const MirrorSet mirrors = open_mirrors(repo);
  const Index index = fetch_index(mirrors.get(), repo, cache, folder);
  const auto files = fetch_files(mirrors.get(), index, folder, stage);
  const fs::path repomd = folder / "repomd.xml";
  if (!fs::exists(repomd) || read_file(repomd, index_limit_bytes) != index.text)
    write_file_atomically(repomd, index.text);
  remove_others(folder, files);
  const auto filelists = files.find("filelists");
  return {repo, repomd, files.at("primary"), filelists == files.end() ? fs::path() : filelists->second, index.revision};
}

}  // namespace

std::vector<Metadata> fetch_metadata(const std::vector<RepoConfig>& repos, const fs::path& cache, Events& events) {
  Stage stage(events, "metadata", fmt::format("{} repositories", repos.size()));
  std::vector<Metadata> all;
  for (const auto& repo : repos) {
    all.push_back(with_context(fmt::format("fetching the metadata of repository '{}' ({})", repo.id, repo.place),
                               [&] { return fetch_one(repo, cache, stage); }));
  }
  return all;
}

}  // namespace compose::rpm
