#include "rpm/header.hpp"

#include <fmt/format.h>
#include <rpm/rpmlib.h>

#include "support/error.hpp"

namespace compose::rpm {
namespace {

void free_values(rpmtd values) {
  rpmtdFreeData(values);
  rpmtdFree(values);
}
using Values = Handle<rpmtd_s, free_values>;

// librpm 4.18 has no name for it yet (RPMTAG_RPMFORMAT of 4.20).
constexpr auto rpm_format_tag = static_cast<rpmTagVal>(5114);

std::string text_of(Header header, rpmTagVal tag) {
  const char* text = headerGetString(header, tag);
  return text != nullptr ? text : "";
}

void check_format(Header header, const fs::path& package) {
  if (headerIsSource(header) != 0) {
    throw Error(ErrorKind::input, fmt::format("'{}' is a source package", package.string()),
                "name the package that was built from it");
  }
  const auto format = header_numbers(header, rpm_format_tag);
  const std::string payload = text_of(header, RPMTAG_PAYLOADFORMAT);
  if ((!format.empty() && format.front() != 4) || (!payload.empty() && payload != "cpio")) {
    throw Error(ErrorKind::input,
                fmt::format("'{}' is not in RPM format 4, the only one that is known", package.string()),
                "build the package with %_rpmformat 4");
  }
}

}  // namespace

std::vector<std::string> header_strings(Header header, rpmTagVal tag) {
  std::vector<std::string> strings;
  const Values values(rpmtdNew());
  if (headerGet(header, tag, values.get(), HEADERGET_MINMEM) == 0) return strings;
  while (const char* text = rpmtdNextString(values.get())) strings.emplace_back(text);
  return strings;
}

std::vector<std::uint64_t> header_numbers(Header header, rpmTagVal tag) {
  std::vector<std::uint64_t> numbers;
  const Values values(rpmtdNew());
  if (headerGet(header, tag, values.get(), HEADERGET_MINMEM) == 0) return numbers;
  while (rpmtdNext(values.get()) >= 0) numbers.push_back(rpmtdGetNumber(values.get()));
  return numbers;
}

Nevra nevra_of(Header header) {
  Nevra nevra;
  nevra.name = text_of(header, RPMTAG_NAME);
  if (const auto epoch = header_numbers(header, RPMTAG_EPOCH); !epoch.empty()) {
    nevra.epoch = std::to_string(epoch.front());
  }
  nevra.version = text_of(header, RPMTAG_VERSION);
  nevra.release = text_of(header, RPMTAG_RELEASE);
  nevra.arch = text_of(header, RPMTAG_ARCH);
  return nevra;
}

PackageInfo info_of(Header header) {
  PackageInfo info;
  info.nevra = nevra_of(header);
  return with_context(fmt::format("reading the header of {}", to_text(info.nevra)), [&] {
    info.summary = text_of(header, RPMTAG_SUMMARY);
    info.files = files_of(header);
    info.scripts = scripts_of(header);
    info.triggers = triggers_of(header);
    return info;
  });
}

OpenPackage open_package(const fs::path& package) {
  const LogCapture log;
  RpmFile file(Fopen(package.c_str(), "r.ufdio"));
  if (!file || Ferror(file.get()) != 0) {
    throw Error(ErrorKind::failed,
                fmt::format("reading the package '{}': {}", package.string(), Fstrerror(file.get())));
  }
  const TransactionSet transaction(rpmtsCreate());
  rpmtsSetVSFlags(transaction.get(), _RPMVSF_NOSIGNATURES);
  Header read = nullptr;
  const rpmRC result = rpmReadPackageFile(transaction.get(), file.get(), package.c_str(), &read);
  HeaderHandle header(read);
  if (result == RPMRC_NOTFOUND || !header) {
    throw Error(result == RPMRC_FAIL ? ErrorKind::mismatch : ErrorKind::input,
                fmt::format("'{}' is not a package, or is damaged: {}", package.string(), log.text()));
  }
  if (result == RPMRC_FAIL) {
    throw Error(ErrorKind::mismatch, fmt::format("the package '{}' is damaged: {}", package.string(), log.text()));
  }
  check_format(header.get(), package);
  return {std::move(file), std::move(header)};
}

}  // namespace compose::rpm
