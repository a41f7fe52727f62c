#include "rpm/solv_cache.hpp"

#include <array>
#include <cstdio>
#include <set>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

extern "C" {
#include <solv/repo_rpmmd.h>
#include <solv/repo_solv.h>
#include <solv/repo_write.h>
#include <solv/solv_xfopen.h>
#include <solv/solvversion.h>
}

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::rpm {
namespace {

using Stream = Handle<FILE, std::fclose>;
using Writer = Handle<Repowriter, repowriter_free>;

// What expands to more is no repository's metadata; Fedora's filelists have less than 1 GiB.
constexpr std::int64_t xml_limit_bytes = std::int64_t{2} << 30U;

// How the parsed form was made; goes into its digest, so that another version's is not taken for ours.
constexpr const char* form = "atomic-compose 1, libsolv " LIBSOLV_VERSION_STRING;
constexpr std::size_t digest_bytes = 64;

// libsolv's number of what was read first, primary.xml.
constexpr Id first_part = 1;
constexpr int extending = REPO_EXTEND_SOLVABLES | REPO_LOCALPOOL;

// A stream that ends with an error when more than the limit comes out of it.
struct Limited {
  Stream source;
  std::int64_t left = xml_limit_bytes;
};

ssize_t read_limited(void* cookie, char* buffer, std::size_t size) noexcept {
  auto& limited = *static_cast<Limited*>(cookie);
  const std::size_t count = std::fread(buffer, 1, size, limited.source.get());
  limited.left -= static_cast<std::int64_t>(count);
  return limited.left < 0 || std::ferror(limited.source.get()) != 0 ? -1 : static_cast<ssize_t>(count);
}

int close_limited(void* cookie) noexcept {
  delete static_cast<Limited*>(cookie);
  return 0;
}

Stream open_xml(const fs::path& file) {
  auto limited = std::make_unique<Limited>();
  limited->source.reset(solv_xfopen(file.c_str(), "r"));
  if (!limited->source) throw_errno("opening", file.string(), errno);
  Stream stream(::fopencookie(limited.get(), "r", {read_limited, nullptr, nullptr, close_limited}));
  if (!stream) throw_errno("opening", file.string(), errno);
  static_cast<void>(limited.release());  // the stream's now
  return stream;
}

void parse_xml(Repo* repo, const fs::path& file, const char* language, int flags) {
  const Stream xml = open_xml(file);
  const int failed = repo_add_rpmmd(repo, xml.get(), language, flags);
  if (failed != 0 || std::ferror(xml.get()) != 0) {
    throw Error(ErrorKind::input,
                fmt::format("'{}' is not metadata of a repository: {}", file.filename().string(),
                            failed != 0 ? pool_errstr(repo->pool) : "it expands to too much, or is damaged"));
  }
}

fs::path parsed_path(const fs::path& xml) { return xml.string() + ".solv"; }

std::string content_digest(int fd, std::uint64_t end_bytes, const fs::path& name) {
  FileSha256 hash(fd, name.string());
  hash.advance_to(end_bytes);
  return sha256_hex(form + hash.finish());
}

// The parsed form with its digest behind it; the stream is at its start. Null when there is none that can be used.
Stream open_parsed(const fs::path& file) {
  Stream stream(std::fopen(file.c_str(), "re"));
  boost::system::error_code absent;
  const std::uint64_t size = fs::file_size(file, absent);
  if (!stream || absent || size <= digest_bytes) return nullptr;
  const int fd = ::fileno(stream.get());
  std::array<char, digest_bytes> found{};
  const ssize_t count = ::pread(fd, found.data(), found.size(), static_cast<off_t>(size - digest_bytes));
  const std::string expected = content_digest(fd, size - digest_bytes, file);
  if (count != static_cast<ssize_t>(digest_bytes) || expected != std::string_view(found.data(), found.size()))
    return nullptr;
  std::rewind(stream.get());  // hashing moved it
  return stream;
}

// Texts for people are most of primary.xml, and nothing here reads them.
int drop_texts(Repo* repo, Repokey* key, void*) noexcept {
  switch (key->name) {
    case SOLVABLE_SUMMARY:
    case SOLVABLE_DESCRIPTION:
    case SOLVABLE_PACKAGER:
    case SOLVABLE_URL:
    case SOLVABLE_LICENSE:
    case SOLVABLE_GROUP:
    case SOLVABLE_BUILDHOST:
    case SOLVABLE_BUILDTIME:
    case SOLVABLE_SOURCENAME:
    case SOLVABLE_SOURCEARCH:
    case SOLVABLE_SOURCEEVR:
    case SOLVABLE_HEADEREND:
      return KEY_STORAGE_DROPPED;
    default:
      return repo_write_stdkeyfilter(repo, key, nullptr);
  }
}

// One part of the repository: its packages with what primary.xml says, or their files.
void write_parsed(Repo* repo, const Repodata* part, const fs::path& file) {
  AtomicFile target(file);
  const Stream stream(::fdopen(::dup(target.fd()), "w"));
  const Writer writer(repowriter_create(repo));
  repowriter_set_keyfilter(writer.get(), drop_texts, nullptr);
  repowriter_set_repodatarange(writer.get(), part->repodataid, part->repodataid + 1);
  if (part->repodataid != first_part) repowriter_set_flags(writer.get(), REPOWRITER_NO_STORAGE_SOLVABLE);
  if (!stream || repowriter_write(writer.get(), stream.get()) != 0 || std::fflush(stream.get()) != 0)
    throw_errno("writing", file.string(), errno);
  const auto size = static_cast<std::uint64_t>(fs::file_size(target.temporary_path()));
  const Fd again = open_file(target.temporary_path(), O_RDONLY);
  write_all_at(target.fd(), content_digest(again.get(), size, file), size, file.string());
  target.commit();
}

// Looking for the packages that have the files which others of the repository need takes as long as parsing: what is
// found becomes a part of the packages, and the list of these files tells libsolv so.
void find_needed_files(Pool* pool, Repo* repo) {
  IdQueue files;
  pool_addfileprovides_queue(pool, files.get(), nullptr);
  Repodata* packages = repo_id2repodata(repo, first_part);
  repodata_set_idarray(packages, SOLVID_META, REPOSITORY_ADDEDFILEPROVIDES, files.get());
  repodata_internalize(packages);
}

// In a pool of its own, so that nothing but the repository goes in.
void parse(const Metadata& metadata) {
  const PoolHandle pool(pool_create());
  pool_setdisttype(pool.get(), DISTTYPE_RPM);
  Repo* repo = repo_create(pool.get(), metadata.repo.id.c_str());
  parse_xml(repo, metadata.primary, nullptr, 0);
  if (!metadata.filelists.empty()) parse_xml(repo, metadata.filelists, "FL", extending);
  find_needed_files(pool.get(), repo);
  write_parsed(repo, repo_id2repodata(repo, first_part), parsed_path(metadata.primary));
  if (!metadata.filelists.empty()) write_parsed(repo, repo_last_repodata(repo), parsed_path(metadata.filelists));
}

bool use_parsed(Repo* repo, const fs::path& xml, int flags) {
  const Stream stream = open_parsed(parsed_path(xml));
  return stream && repo_add_solv(repo, stream.get(), flags) == 0;
}

bool use_parsed(Repo* repo, const Metadata& metadata) {
  return use_parsed(repo, metadata.primary, 0) &&
         (metadata.filelists.empty() || use_parsed(repo, metadata.filelists, extending));
}

}  // namespace

void load_metadata(Repo* repo, const Metadata& metadata) {
  if (use_parsed(repo, metadata)) return;
  repo_empty(repo, 1);
  parse(metadata);
  if (!use_parsed(repo, metadata))
    throw Error(ErrorKind::failed, fmt::format("'{}' cannot be read back", parsed_path(metadata.primary).string()));
}

}  // namespace compose::rpm
