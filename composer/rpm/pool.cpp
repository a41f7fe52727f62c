#include "rpm/pool.hpp"

#include <fcntl.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

extern "C" {
#include <solv/poolarch.h>
#include <solv/repo_rpmdb.h>
}

#include "rpm/library.hpp"
#include "support/error.hpp"

namespace compose::rpm {
namespace {

void free_state(void* state) { rpm_state_free(state); }
using RpmState = Handle<void, free_state>;

[[noreturn]] void throw_unreadable(const fs::path& rpmdb, const std::string& why) {
  throw Error(ErrorKind::input, fmt::format("the rpm database '{}' cannot be read: {}", rpmdb.string(), why));
}

// librpm makes an empty database where there is none.
void check_is_database(const fs::path& rpmdb) {
  for (const char* file : {"rpmdb.sqlite", "Packages.db", "Packages"})
    if (fs::exists(rpmdb / file)) return;
  throw_unreadable(rpmdb, "no database is there");
}

void add_headers(Repo* installed, rpmts transaction, const fs::path& rpmdb) {
  const RpmState state(rpm_state_create(installed->pool, nullptr));
  const MatchIterator packages(rpmtsInitIterator(transaction, RPMDBI_PACKAGES, nullptr, 0));
  while (Header header = rpmdbNextIterator(packages.get())) {
    const char* name = headerGetString(header, RPMTAG_NAME);
    if (name == nullptr || std::string_view(name) == "gpg-pubkey") continue;
    // Not the header itself: libsolv wants its own handle of it.
    if (repo_add_rpm_handle(installed, rpm_byrpmh(state.get(), header), REPO_NO_INTERNALIZE | REPO_NO_LOCATION) == 0)
      throw_unreadable(rpmdb, fmt::format("its package '{}': {}", name, pool_errstr(installed->pool)));
  }
}

// "NAME" or "NAME = EVR".
Id provided(Pool* pool, const std::string& text) {
  const auto sign = text.find(" = ");
  const Id name = pool_str2id(pool, text.substr(0, sign).c_str(), 1);
  return sign == std::string::npos
             ? name
             : pool_rel2id(pool, name, pool_str2id(pool, text.substr(sign + 3).c_str(), 1), REL_EQ, 1);
}

}  // namespace

PoolHandle make_pool(const std::string& arch) {
  PoolHandle pool(pool_create());
  pool_setdisttype(pool.get(), DISTTYPE_RPM);
  pool_setarchpolicy(pool.get(), arch.c_str());
  return pool;
}

void add_installed(Pool* pool, const fs::path& rpmdb) {
  check_is_database(rpmdb);
  const LogCapture log;
  const Macro folder("_dbpath", rpmdb.string());
  const TransactionSet transaction(rpmtsCreate());
  rpmtsSetVSFlags(transaction.get(), static_cast<rpmVSFlags>(RPMVSF_MASK_NOSIGNATURES | RPMVSF_MASK_NODIGESTS));
  if (rpmtsOpenDB(transaction.get(), O_RDONLY) != 0) throw_unreadable(rpmdb, log.text());
  Repo* installed = repo_create(pool, "@System");
  add_headers(installed, transaction.get(), rpmdb);
  if (!log.messages().empty()) throw_unreadable(rpmdb, log.text());
  repo_internalize(installed);
  pool_set_installed(pool, installed);
}

void add_assumed(Pool* pool, const std::vector<std::string>& provides) {
  Repo* installed = repo_create(pool, "@System");
  Solvable* base = pool_id2solvable(pool, repo_add_solvable(installed));
  base->name = pool_str2id(pool, "the-base", 1);
  base->evr = pool_str2id(pool, "0-0", 1);
  base->arch = ARCH_NOARCH;
  for (const auto& text : provides)
    base->dep_provides = repo_addid_dep(installed, base->dep_provides, provided(pool, text), 0);
  repo_internalize(installed);
  pool_set_installed(pool, installed);
}

Id add_package_file(Repo* repo, const fs::path& file) {
  const LogCapture log;
  const Id id = repo_add_rpm(repo, file.c_str(), REPO_NO_INTERNALIZE | REPO_NO_LOCATION);
  if (id == 0)
    throw Error(ErrorKind::input, fmt::format("'{}' is not a package: {}", file.string(), pool_errstr(repo->pool)));
  return id;
}

Nevra nevra_of(Pool* pool, Id package) {
  const Solvable* solvable = pool_id2solvable(pool, package);
  const std::string evr = pool_id2str(pool, solvable->evr);
  const auto colon = evr.find(':');
  const auto dash = evr.rfind('-');
  const std::size_t start = colon == std::string::npos ? 0 : colon + 1;
  Nevra nevra;
  nevra.name = pool_id2str(pool, solvable->name);
  if (colon != std::string::npos) nevra.epoch = evr.substr(0, colon);
  nevra.version = evr.substr(start, dash == std::string::npos ? dash : dash - start);
  if (dash != std::string::npos) nevra.release = evr.substr(dash + 1);
  nevra.arch = pool_id2str(pool, solvable->arch);
  return nevra;
}

}  // namespace compose::rpm
