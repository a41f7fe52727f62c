#include "oci/tar.hpp"

#include <cerrno>
#include <new>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "oci/entry_name.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/handle.hpp"

namespace compose::oci {
namespace {

using Reader = Handle<archive, archive_read_free>;
using Writer = Handle<archive, archive_write_free>;
using Entry = Handle<archive_entry, archive_entry_free>;

constexpr std::size_t kBlockBytes = 1U << 20U;
constexpr std::size_t kMemberLimit = 100'000;

[[noreturn]] void throw_damaged(archive* reader, const std::string& name) {
  const char* reason = archive_error_string(reader);
  throw Error(ErrorKind::input,
              fmt::format("{}: damaged or truncated: {}", name, reason == nullptr ? "unreadable" : reason));
}

void check(int code, archive* reader, const std::string& name) {
  if (code < ARCHIVE_WARN) throw_damaged(reader, name);
}

Reader new_reader() {
  Reader reader(archive_read_new());
  if (!reader) throw std::bad_alloc();
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  return reader;
}

void open(const Reader& reader, const fs::path& file, const std::string& name) {
  open_file(file,
            O_RDONLY);  // for an error that says why; libarchive's does not tell a missing file from a damaged one
  check(archive_read_open_filename(reader.get(), file.c_str(), kBlockBytes), reader.get(), name);
}

Reader open_tar(const fs::path& file, const std::string& name) {
  Reader reader = new_reader();
  archive_read_support_format_tar(reader.get());
  open(reader, file, name);
  return reader;
}

// The next entry, or nullptr at the end.
archive_entry* next(const Reader& reader, const std::string& name) {
  archive_entry* entry = nullptr;
  const int code = archive_read_next_header(reader.get(), &entry);
  if (code == ARCHIVE_EOF) return nullptr;
  check(code, reader.get(), name);
  return entry;
}

// Names that the C locale cannot express are there in UTF-8 only.
std::string text_of(const char* in_locale, const char* in_utf8) {
  if (in_locale != nullptr) return in_locale;
  return in_utf8 == nullptr ? std::string() : std::string(in_utf8);
}

std::string name_of(archive_entry* entry) {
  return text_of(archive_entry_pathname(entry), archive_entry_pathname_utf8(entry));
}

std::string hardlink_of(archive_entry* entry) {
  return text_of(archive_entry_hardlink(entry), archive_entry_hardlink_utf8(entry));
}

std::string symlink_of(archive_entry* entry) {
  return text_of(archive_entry_symlink(entry), archive_entry_symlink_utf8(entry));
}

using Sink = std::function<void(std::span<const char>)>;

// Passes the current entry's data on, at most `limit_bytes`; returns how much it was.
std::uint64_t read_data(const Reader& reader, std::uint64_t limit_bytes, const std::string& name, const Sink& sink) {
  std::vector<char> buffer(kBlockBytes);
  std::uint64_t total = 0;
  while (true) {
    const la_ssize_t count = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (count < 0) throw_damaged(reader.get(), name);
    if (count == 0) return total;
    total += static_cast<std::uint64_t>(count);
    if (total > limit_bytes)
      throw Error(ErrorKind::input, fmt::format("{}: larger than the limit of {} bytes", name, limit_bytes));
    sink({buffer.data(), static_cast<std::size_t>(count)});
  }
}

std::uint64_t read_data_to_file(const Reader& reader, const fs::path& target, std::uint64_t limit_bytes,
                                const std::string& name) {
  const Fd fd = open_file(target, O_WRONLY | O_CREAT | O_TRUNC);
  return read_data(reader, limit_bytes, name, [&](auto data) { write_all(fd.get(), data, target.string()); });
}

// A file of ours in memory, read only. libarchive seeks over data in files and so does not see that they end too early;
// in memory it does.
class Mapping {
 public:
  explicit Mapping(const fs::path& file) : size_(fs::file_size(file)) {
    if (size_ == 0) return;
    const Fd fd = open_file(file, O_RDONLY);
    data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (data_ == MAP_FAILED) throw_errno("reading", file.string(), errno);
  }
  ~Mapping() {
    if (data_ != nullptr) ::munmap(data_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const void* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  std::size_t size_;
};

void check_written(la_ssize_t code, const Writer& writer, const std::string& name) {
  if (code < 0) throw_errno("writing", name, archive_errno(writer.get()));
}

void write_member(const Writer& writer, const TarFile& file, const std::string& name) {
  const Entry entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), file.name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), 0, 0);
  const std::uint64_t size = file.source.empty() ? file.content.size() : fs::file_size(file.source);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  check_written(archive_write_header(writer.get(), entry.get()), writer, name);
  const auto put = [&](const char* data, std::size_t length) {
    check_written(archive_write_data(writer.get(), data, length), writer, name);
  };
  if (file.source.empty()) return put(file.content.data(), file.content.size());
  const Mapping mapping(file.source);
  if (mapping.size() > 0) put(static_cast<const char*>(mapping.data()), mapping.size());
}

}  // namespace

std::optional<fs::path> Members::find(const std::string& name) const {
  std::string current = clean_name(name);
  for (std::size_t hop = 0; hop <= links_.size(); ++hop) {
    if (const auto file = files_.find(current); file != files_.end()) return file->second;
    const auto link = links_.find(current);
    if (link == links_.end()) return std::nullopt;
    current = link->second;
  }
  return std::nullopt;  // a circle
}

Members unpack(const fs::path& archive, const fs::path& folder, std::uint64_t limit_bytes) {
  const std::string name = archive.string();
  const Reader reader = open_tar(archive, name);
  Members members;
  std::size_t number = 0;
  while (archive_entry* entry = next(reader, name)) {
    const std::string raw = name_of(entry);
    if (++number > kMemberLimit)
      throw Error(ErrorKind::input, fmt::format("{}: more than {} members", name, kMemberLimit));
    if (!stays_inside(raw)) throw Error(ErrorKind::input, fmt::format("{}: member '{}' leaves the archive", name, raw));
    const std::string member = clean_name(raw);
    if (const std::string target = hardlink_of(entry); !target.empty()) {
      members.add_link(member, clean_name(target));
    } else if (archive_entry_filetype(entry) == AE_IFLNK) {
      members.add_link(member, resolve_link(member, symlink_of(entry)));
    } else if (archive_entry_filetype(entry) == AE_IFREG) {
      const fs::path file = folder / std::to_string(number);
      limit_bytes -= read_data_to_file(reader, file, limit_bytes, fmt::format("{}: member '{}'", name, member));
      members.add_file(member, file);
    }
  }
  return members;
}

std::optional<std::string> read_member(const fs::path& archive, const std::string& member, std::uint64_t limit_bytes) {
  const std::string name = archive.string();
  const Reader reader = open_tar(archive, name);
  while (archive_entry* entry = next(reader, name)) {
    if (archive_entry_filetype(entry) != AE_IFREG || clean_name(name_of(entry)) != member) continue;
    std::string content;
    read_data(reader, limit_bytes, fmt::format("{}: member '{}'", name, member),
              [&](auto data) { content.append(data.data(), data.size()); });
    return content;
  }
  return std::nullopt;
}

std::string decompress(const fs::path& file, const fs::path& target, std::uint64_t limit_bytes,
                       const std::string& name) {
  const Reader reader = new_reader();
  archive_read_support_format_raw(reader.get());
  open(reader, file, name);
  if (next(reader, name) == nullptr) throw Error(ErrorKind::input, fmt::format("{}: empty", name));
  Sha256 hash;
  const Fd fd = open_file(target, O_WRONLY | O_CREAT | O_TRUNC);
  read_data(reader, limit_bytes, name, [&](auto data) {
    hash.update(std::string_view(data.data(), data.size()));
    write_all(fd.get(), data, target.string());
  });
  return "sha256:" + to_hex(hash.finish());
}

void check_layer(const fs::path& tar, const std::string& name) {
  const Mapping mapping(tar);
  const Reader reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  check(archive_read_open_memory(reader.get(), mapping.data(), mapping.size()), reader.get(), name);
  LayerNames names(name);
  while (archive_entry* entry = next(reader, name)) {
    names.check(name_of(entry), hardlink_of(entry), archive_entry_filetype(entry) == AE_IFLNK ? symlink_of(entry) : "");
  }
}

void write_tar(int fd, const std::vector<TarFile>& files, const std::string& name) {
  const Writer writer(archive_write_new());
  archive_write_set_format_ustar(writer.get());
  archive_write_set_bytes_per_block(writer.get(), kBlockBytes);
  archive_write_set_bytes_in_last_block(writer.get(), 1);  // no padding beyond the end marker
  check_written(archive_write_open_fd(writer.get(), fd), writer, name);
  for (const TarFile& file : files) write_member(writer, file, name);
  check_written(archive_write_close(writer.get()), writer, name);
}

}  // namespace compose::oci
