#include <array>
#include <cstdlib>

#include <sys/stat.h>

#include <fmt/format.h>
#include <rpm/rpmcrypto.h>

#include "rpm/header.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

[[noreturn]] void throw_damaged(const std::string& why) {
  throw Error(ErrorKind::mismatch, "the payload is damaged: " + why,
              "fetch the package again; if that does not help, it was built wrongly");
}

// What librpm calls the way in which the payload is compressed.
std::string reader_for(Header header) {
  const char* compressor = headerGetString(header, RPMTAG_PAYLOADCOMPRESSOR);
  const std::string name = compressor != nullptr ? compressor : "gzip";
  if (name == "gzip") return "r.gzdio";
  if (name == "bzip2") return "r.bzdio";
  if (name == "xz") return "r.xzdio";
  if (name == "lzma") return "r.lzdio";
  if (name == "zstd") return "r.zstdio";
  throw Error(ErrorKind::input, fmt::format("the payload's compression '{}' is not known", name));
}

class NoContent final : public FileContent {
 public:
  std::size_t read(char*, std::size_t) override { return 0; }
};

// The file at which the archive's reader stands.
class ArchiveContent final : public FileContent {
 public:
  ArchiveContent(rpmfi archive, const PackageFile& file)
      : archive_(archive),
        file_(file),
        left_(file.size_bytes),
        digest_(rpmDigestInit(rpmfiDigestAlgo(archive), RPMDIGEST_NONE)) {}
  ~ArchiveContent() override {
    if (digest_ != nullptr) rpmDigestFinal(digest_, nullptr, nullptr, 0);
  }
  ArchiveContent(const ArchiveContent&) = delete;
  ArchiveContent& operator=(const ArchiveContent&) = delete;

  std::size_t read(char* buffer, std::size_t size) override {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
    if (wanted == 0) {
      if (left_ == 0) check_digest();
      return 0;
    }
    const auto count = rpmfiArchiveRead(archive_, buffer, wanted);
    if (count <= 0) throw_damaged(fmt::format("it ends within '{}'", file_.path));
    left_ -= static_cast<std::uint64_t>(count);
    rpmDigestUpdate(digest_, buffer, static_cast<std::size_t>(count));
    return static_cast<std::size_t>(count);
  }

  void read_rest() {
    std::array<char, 65536> buffer;
    while (read(buffer.data(), buffer.size()) > 0) {
    }
  }

 private:
  void check_digest() {
    if (digest_ == nullptr) return;
    void* bytes = nullptr;
    std::size_t length = 0;
    rpmDigestFinal(std::exchange(digest_, nullptr), &bytes, &length, 0);
    const Handle<void, std::free> owned(bytes);
    std::size_t expected_length = 0;
    const unsigned char* expected = rpmfiFDigest(archive_, nullptr, &expected_length);
    const auto* actual = static_cast<const unsigned char*>(bytes);
    if (expected == nullptr || length != expected_length || !std::equal(actual, actual + length, expected)) {
      throw_damaged(fmt::format("the content of '{}' is not what the header promises", file_.path));
    }
  }

  rpmfi archive_;
  const PackageFile& file_;
  std::uint64_t left_;
  DIGEST_CTX digest_;
};

class PayloadReader {
 public:
  PayloadReader(rpmfi archive, const PackageInfo& info, const Visit& visit)
      : archive_(archive), files_(info.files), visit_(visit), seen_(files_.size()) {
    for (std::size_t index = 0; index < files_.size(); ++index) {
      if (const auto first = files_[index].hard_link_of) links_[*first].push_back(index);
    }
  }

  void run() {
    int result = 0;
    while ((result = rpmfiNext(archive_)) >= 0) take(static_cast<std::size_t>(rpmfiFX(archive_)));
    if (result != RPMERR_ITER_END) {
      const Handle<char, std::free> reason(rpmfileStrerror(result));
      throw_damaged(reason ? reason.get() : "librpm cannot read it");
    }
    for (std::size_t index = 0; index < files_.size(); ++index) {
      if (!seen_[index] && !files_[index].ghost) throw_damaged(fmt::format("'{}' is missing", files_[index].path));
    }
  }

 private:
  void take(std::size_t index) {
    if (index >= files_.size() || files_[index].ghost) throw_damaged("it has a file that the header does not have");
    if (seen_[index]) throw_damaged(fmt::format("it has '{}' twice", files_[index].path));
    seen_[index] = true;
    const PackageFile& file = files_[index];
    if (!S_ISREG(file.mode)) {
      NoContent none;
      visit_(index, none);
    } else if (rpmfiArchiveHasContent(archive_) != 0) {
      take_content(file.hard_link_of.value_or(index));
    }
  }

  // Of a set of hard links librpm has the content with whichever comes last.
  void take_content(std::size_t first) {
    ArchiveContent content(archive_, files_[first]);
    visit_(first, content);
    content.read_rest();
    const auto links = links_.find(first);
    if (links == links_.end()) return;
    NoContent none;
    for (const std::size_t link : links->second) {
      if (link != first) visit_(link, none);
    }
  }

  rpmfi archive_;
  const std::vector<PackageFile>& files_;
  const Visit& visit_;
  std::vector<bool> seen_;
  std::map<std::size_t, std::vector<std::size_t>> links_;
};

}  // namespace

void read_payload(const fs::path& package, const PackageInfo& info, const Visit& visit) {
  const LogCapture log(RPMLOG_ERR);
  const OpenPackage open = open_package(package);
  const FileList list(rpmfilesNew(nullptr, open.header.get(), RPMTAG_BASENAMES, RPMFI_KEEPHEADER));
  if (files_of(open.header.get()).size() != info.files.size() || nevra_of(open.header.get()) != info.nevra) {
    throw Error(ErrorKind::mismatch, fmt::format("the package '{}' is another one by now", package.string()));
  }
  const RpmFile payload(Fdopen(fdDup(Fileno(open.file.get())), reader_for(open.header.get()).c_str()));
  if (!payload) throw Error(ErrorKind::failed, fmt::format("reading the package '{}'", package.string()));
  const FileIterator archive(rpmfiNewArchiveReader(payload.get(), list.get(), RPMFI_ITER_READ_ARCHIVE));
  if (!archive) throw Error(ErrorKind::failed, fmt::format("reading the package '{}'", package.string()));
  with_context(fmt::format("reading the package '{}'", package.string()),
               [&] { PayloadReader(archive.get(), info, visit).run(); });
}

}  // namespace compose::rpm
