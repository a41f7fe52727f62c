#include <algorithm>
#include <cstdlib>
#include <set>

#include <sys/stat.h>

#include <fmt/format.h>
#include <rpm/rpmcrypto.h>
#include <rpm/rpmpgp.h>

#include "rpm/header.hpp"
#include "support/error.hpp"
#include "support/utf8.hpp"

namespace compose::rpm {
namespace {

constexpr std::size_t max_files = 1'000'000;
constexpr std::size_t max_name_bytes = 255;
constexpr std::size_t max_path_bytes = 4095;
constexpr std::size_t max_all_paths_bytes = 256U << 20U;
constexpr std::uint64_t max_content_bytes = 64ULL << 30U;

using Text = Handle<char, std::free>;

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::input, "its list of files is not well formed: " + why,
              "the package is damaged or made to harm");
}

// librpm takes the lists' lengths on trust in places: each is as long as that of the names, or absent.
void check_lengths(Header header, std::size_t count) {
  for (const rpmTagVal tag :
       {RPMTAG_FILEMODES,   RPMTAG_FILEFLAGS,    RPMTAG_FILEVERIFYFLAGS, RPMTAG_FILESIZES,    RPMTAG_LONGFILESIZES,
        RPMTAG_FILECOLORS,  RPMTAG_FILECLASS,    RPMTAG_FILEDEPENDSX,    RPMTAG_FILEDEPENDSN, RPMTAG_FILELINKTOS,
        RPMTAG_FILELANGS,   RPMTAG_FILEDIGESTS,  RPMTAG_FILEMTIMES,      RPMTAG_FILERDEVS,    RPMTAG_FILEINODES,
        RPMTAG_FILEDEVICES, RPMTAG_FILEUSERNAME, RPMTAG_FILEGROUPNAME,   RPMTAG_FILECAPS,     RPMTAG_FILESTATES,
        RPMTAG_DIRINDEXES}) {
    const TagData values(rpmtdNew());
    if (headerGet(header, tag, values.get(), HEADERGET_MINMEM) == 0) continue;
    const std::size_t length = rpmtdCount(values.get());
    const bool right_type = rpmtdType(values.get()) == rpmTagGetTagType(tag);
    rpmtdFreeData(values.get());
    if (length != count || !right_type) {
      refuse(fmt::format("{} has {} entries for {} files", rpmTagGetName(tag), length, count));
    }
  }
  for (const rpmTagVal tag : {RPMTAG_FILEMODES, RPMTAG_FILEINODES, RPMTAG_FILEDEVICES, RPMTAG_FILEUSERNAME,
                              RPMTAG_FILEGROUPNAME, RPMTAG_FILELINKTOS, RPMTAG_FILEDIGESTS, RPMTAG_FILEFLAGS}) {
    if (headerIsEntry(header, tag) == 0) refuse(fmt::format("it has no {}", rpmTagGetName(tag)));
  }
}

void check_directories(Header header) {
  const auto directories = header_strings(header, RPMTAG_DIRNAMES);
  for (const std::uint64_t index : header_numbers(header, RPMTAG_DIRINDEXES)) {
    if (index >= directories.size()) refuse("a file is in a directory that is not listed");
  }
}

// librpm reads as many digits as the algorithm has.
void check_digests(Header header) {
  const auto algorithms = header_numbers(header, RPMTAG_FILEDIGESTALGO);
  const std::uint64_t algorithm = algorithms.empty() ? std::uint64_t{PGPHASHALGO_MD5} : algorithms.front();
  const std::size_t length = algorithm < 256 ? rpmDigestLength(static_cast<int>(algorithm)) : 0;
  if (length == 0) refuse(fmt::format("the digest algorithm {} is not known", algorithm));
  for (const auto& digest : header_strings(header, RPMTAG_FILEDIGESTS)) {
    if (!digest.empty() && digest.size() != 2 * length) refuse(fmt::format("'{}' is not a digest", digest));
  }
}

bool is_plain_text(const std::string& text) {
  return is_utf8(text) && std::none_of(text.begin(), text.end(),
                                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

void check_path(const std::string& path) {
  if (!path.starts_with('/')) refuse(fmt::format("'{}' is not an absolute path", path));
  if (path.size() > max_path_bytes) refuse(fmt::format("a path is longer than {} bytes", max_path_bytes));
  if (!is_plain_text(path)) refuse(fmt::format("{:?} is not UTF-8 or has control characters", path));
  if (path == "/") return;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    if (name.empty() || name == "." || name == "..") refuse(fmt::format("'{}' is not a normalised path", path));
    if (name.size() > max_name_bytes) refuse(fmt::format("a name is longer than {} bytes", max_name_bytes));
    begin = end + 1;
  }
}

std::string text(const char* value) { return value != nullptr ? value : ""; }

std::string sha256_of(rpmfiles list, int index) {
  int algorithm = 0;
  std::size_t length = 0;
  const unsigned char* digest = rpmfilesFDigest(list, index, &algorithm, &length);
  if (digest == nullptr || algorithm != PGPHASHALGO_SHA256) return {};
  std::string hex;
  for (std::size_t at = 0; at < length; ++at) hex += fmt::format("{:02x}", digest[at]);
  return hex;
}

void read_link(PackageFile& file, rpmfiles list, int index) {
  file.link_target = text(rpmfilesFLink(list, index));
  if (file.link_target.empty() || file.link_target.size() > max_path_bytes || !is_plain_text(file.link_target)) {
    refuse(fmt::format("the link '{}' leads to {:?}", file.path, file.link_target));
  }
}

PackageFile read_file(rpmfiles list, int index) {
  PackageFile file;
  const Text path(rpmfilesFN(list, index));
  file.path = text(path.get());
  check_path(file.path);
  file.mode = rpmfilesFMode(list, index);
  file.user = text(rpmfilesFUser(list, index));
  file.group = text(rpmfilesFGroup(list, index));
  for (const auto& name : {file.user, file.group}) {
    if (name.empty() || !is_plain_text(name)) refuse(fmt::format("'{}' belongs to {:?}", file.path, name));
  }
  const rpmFlags flags = rpmfilesFFlags(list, index);
  file.ghost = (flags & RPMFILE_GHOST) != 0;
  file.config = (flags & RPMFILE_CONFIG) != 0;
  file.noreplace = (flags & RPMFILE_NOREPLACE) != 0;
  file.capabilities = text(rpmfilesFCaps(list, index));
  if (S_ISLNK(file.mode)) read_link(file, list, index);
  if (S_ISREG(file.mode)) {
    file.size_bytes = rpmfilesFSize(list, index);
    file.sha256 = sha256_of(list, index);
    const int* links = nullptr;
    if (rpmfilesFLinks(list, index, &links) > 1) file.hard_link_of = static_cast<std::size_t>(links[0]);
  }
  return file;
}

bool same_digest(rpmfiles list, int a, int b) {
  std::size_t length = 0;
  const unsigned char* first = rpmfilesFDigest(list, a, nullptr, &length);
  const unsigned char* second = rpmfilesFDigest(list, b, nullptr, nullptr);
  return first == nullptr || second == nullptr ? first == second : std::equal(first, first + length, second);
}

// Names of one file cannot differ in what it contains.
void check_hard_links(const std::vector<PackageFile>& files, rpmfiles list) {
  for (std::size_t index = 0; index < files.size(); ++index) {
    if (!files[index].hard_link_of) continue;
    const std::size_t first = *files[index].hard_link_of;
    const bool same = first <= index && files[first].hard_link_of == first &&
                      files[first].ghost == files[index].ghost && files[first].size_bytes == files[index].size_bytes &&
                      same_digest(list, static_cast<int>(first), static_cast<int>(index));
    if (!same) refuse(fmt::format("'{}' is a hard link, but differs from '{}'", files[index].path, files[first].path));
  }
}

void check_sizes(const std::vector<PackageFile>& files) {
  std::set<std::string_view> paths;
  std::uint64_t content_bytes = 0;
  for (std::size_t index = 0; index < files.size(); ++index) {
    const PackageFile& file = files[index];
    if (!paths.insert(file.path).second) refuse(fmt::format("it has '{}' twice", file.path));
    if (file.ghost || file.hard_link_of.value_or(index) != index) continue;
    if (file.size_bytes > max_content_bytes || (content_bytes += file.size_bytes) > max_content_bytes) {
      refuse(fmt::format("its content is larger than {} bytes", max_content_bytes));
    }
  }
}

}  // namespace

std::vector<PackageFile> files_of(Header header) {
  std::vector<PackageFile> files;
  if (headerIsEntry(header, RPMTAG_BASENAMES) == 0) {
    if (headerIsEntry(header, RPMTAG_OLDFILENAMES) != 0) refuse("it is that of a package older than rpm 4");
    return files;
  }
  const std::size_t count = header_strings(header, RPMTAG_BASENAMES).size();
  if (count > max_files) refuse(fmt::format("it names more than {} files", max_files));
  if (headerIsEntry(header, RPMTAG_ORIGBASENAMES) != 0) refuse("the package was relocated");
  check_lengths(header, count);
  check_directories(header);
  check_digests(header);
  const FileList list(rpmfilesNew(nullptr, header, RPMTAG_BASENAMES, RPMFI_KEEPHEADER));
  if (!list || rpmfilesFC(list.get()) != count) refuse("librpm cannot read it");
  std::size_t path_bytes = 0;
  for (int index = 0; index < static_cast<int>(count); ++index) {
    files.push_back(read_file(list.get(), index));
    if ((path_bytes += files.back().path.size()) > max_all_paths_bytes) refuse("its names are too long");
  }
  check_hard_links(files, list.get());
  check_sizes(files);
  return files;
}

}  // namespace compose::rpm
