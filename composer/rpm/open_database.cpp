#include "rpm/open_database.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fcntl.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "rpm/database.hpp"
#include "rpm/header.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

// librpm's name for the format of the database in the folder.
std::string backend_of(const std::optional<fs::path>& folder, Access access) {
  if (!folder || access == Access::write || fs::exists(*folder / "rpmdb.sqlite")) return "sqlite";
  if (fs::exists(*folder / "Packages.db")) return "ndb";
  if (fs::exists(*folder / "Packages")) return "bdb_ro";
  throw Error(ErrorKind::input, fmt::format("'{}' has no rpm database", folder->string()));
}

}  // namespace

OpenDatabase::OpenDatabase(const std::optional<fs::path>& folder, Access access)
    : folder_(folder ? folder->string() : "/nonexistent"),
      path_("_dbpath", folder_),
      backend_("_db_backend", backend_of(folder, access)),
      lock_("_rpmlock_path", folder_ + "/.rpm.lock"),
      transaction_(rpmtsCreate()) {
  rpmtsSetRootDir(transaction_.get(), "/");
  rpmtsSetVSFlags(transaction_.get(), _RPMVSF_NOSIGNATURES | _RPMVSF_NODIGESTS);
  rpmtsSetVfyLevel(transaction_.get(), 0);
  if (!folder) return;
  const LogCapture log(RPMLOG_ERR);
  if (rpmtsOpenDB(transaction_.get(), access == Access::write ? O_RDWR | O_CREAT : O_RDONLY) != 0) {
    throw Error(ErrorKind::input, fmt::format("the rpm database in '{}' cannot be read: {}", folder_, log.text()));
  }
}

OpenDatabase::~OpenDatabase() { rpmtsCloseDB(transaction_.get()); }

void OpenDatabase::for_each(const std::function<void(Header)>& visit) const {
  const LogCapture log(RPMLOG_ERR);
  const MatchIterator iterator(rpmtsInitIterator(transaction(), RPMDBI_PACKAGES, nullptr, 0));
  while (const Header header = rpmdbNextIterator(iterator.get())) {
    const char* name = headerGetString(header, RPMTAG_NAME);
    if (name == nullptr || std::string_view(name) != "gpg-pubkey") visit(header);
  }
  if (log.messages().empty()) return;
  throw Error(ErrorKind::input, fmt::format("the rpm database in '{}' is damaged: {}", folder_, log.text()));
}

void OpenDatabase::remove(std::vector<Nevra> packages) const {
  const std::set<Nevra> wanted(packages.begin(), packages.end());
  std::map<Nevra, HeaderHandle> found;
  for_each([&](Header header) {
    Nevra nevra = nevra_of(header);
    if (wanted.contains(nevra)) found.emplace(std::move(nevra), headerLink(header));
  });
  for (const Nevra& nevra : wanted) {
    const auto header = found.find(nevra);
    if (header == found.end()) {
      throw Error(ErrorKind::input, fmt::format("the rpm database in '{}' has no package {}", folder_, to_text(nevra)));
    }
    const auto instance = static_cast<int>(headerGetInstance(header->second.get()));
    if (rpmtsAddEraseElement(transaction(), header->second.get(), instance) != 0) {
      throw Error(ErrorKind::failed, fmt::format("librpm does not remove the package {}", to_text(nevra)));
    }
  }
}

std::string problems_text(rpmts transaction) {
  const Problems problems(rpmtsProblems(transaction));
  const Handle<rpmpsi_s, rpmpsFreeIterator> iterator(rpmpsInitIterator(problems.get()));
  std::set<std::string> texts;
  while (const rpmProblem problem = rpmpsiNext(iterator.get())) {
    const Handle<char, std::free> text(rpmProblemString(problem));
    texts.insert(text.get());
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace compose::rpm
