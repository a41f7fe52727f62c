#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <rpm/rpmcallback.h>
#include <sqlite3.h>
#include <boost/filesystem/operations.hpp>

#include "rpm/database.hpp"
#include "rpm/header.hpp"
#include "rpm/open_database.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::rpm {
namespace {

using Sqlite = Handle<sqlite3, sqlite3_close>;

struct Addition {
  Nevra nevra;
  std::string file;
  HeaderHandle header;
  RpmFile open;  // while librpm looks at it
};

std::vector<Addition> sorted_additions(const std::vector<fs::path>& packages) {
  std::vector<Addition> additions;
  for (const auto& package : packages) {
    HeaderHandle header = open_package(package).header;
    Nevra nevra = nevra_of(header.get());
    additions.push_back({std::move(nevra), package.string(), std::move(header), nullptr});
  }
  std::sort(additions.begin(), additions.end(), [](const auto& a, const auto& b) { return a.nevra < b.nevra; });
  return additions;
}

// librpm opens the packages by way of its caller.
void* open_or_close(const void*, rpmCallbackType what, rpm_loff_t, rpm_loff_t, fnpyKey key, rpmCallbackData) noexcept {
  auto* addition = static_cast<Addition*>(const_cast<void*>(key));  // NOLINT: librpm hands back what it was given
  if (what == RPMCALLBACK_INST_OPEN_FILE) {
    addition->open.reset(Fopen(addition->file.c_str(), "r.ufdio"));
    return addition->open.get();
  }
  if (what == RPMCALLBACK_INST_CLOSE_FILE) addition->open.reset();
  return nullptr;
}

void prepare(rpmts transaction, std::vector<Addition>& additions) {
  rpmtsSetFlags(transaction, RPMTRANS_FLAG_JUSTDB | RPMTRANS_FLAG_NOSCRIPTS | RPMTRANS_FLAG_NOTRIGGERS |
                                 RPMTRANS_FLAG_NOCONTEXTS | RPMTRANS_FLAG_NOPLUGINS);
  rpmtsSetNotifyCallback(transaction, open_or_close, nullptr);
  for (Addition& addition : additions) {
    if (rpmtsAddInstallElement(transaction, addition.header.get(), &addition, 0, nullptr) != 0) {
      throw Error(ErrorKind::failed, fmt::format("librpm does not take the package {}", to_text(addition.nevra)));
    }
  }
  rpmtsOrder(transaction);
}

// Paths are compared on the host's own file system here: what librpm would say of files and space means nothing.
constexpr rpmprobFilterFlags filters = RPMPROB_FILTER_DISKSPACE | RPMPROB_FILTER_OLDPACKAGE |
                                       RPMPROB_FILTER_REPLACENEWFILES | RPMPROB_FILTER_REPLACEOLDFILES |
                                       RPMPROB_FILTER_IGNOREARCH | RPMPROB_FILTER_IGNOREOS;

void run_transaction(const fs::path& rpmdb, const std::vector<fs::path>& packages, const std::vector<Nevra>& removed) {
  const LogCapture log(RPMLOG_ERR);
  auto additions = sorted_additions(packages);
  const OpenDatabase database(rpmdb, Access::write);
  database.remove(removed);
  prepare(database.transaction(), additions);
  const int result = rpmtsRun(database.transaction(), nullptr, filters);
  const std::string problems = result > 0 ? problems_text(database.transaction()) : "";
  if (result == 0 && log.messages().empty()) return;
  throw Error(ErrorKind::input, fmt::format("librpm cannot change the rpm database: {}{}{}", problems,
                                            problems.empty() ? "" : "; ", log.text()));
}

void run_sql(sqlite3* database, const char* statement, const fs::path& file) {
  if (sqlite3_exec(database, statement, nullptr, nullptr, nullptr) == SQLITE_OK) return;
  throw Error(ErrorKind::input, fmt::format("the rpm database '{}': {}", file.string(), sqlite3_errmsg(database)));
}

// A write-ahead log could not be opened where nothing can be written; free pages hold what was.
void settle(const fs::path& rpmdb) {
  const fs::path file = rpmdb / "rpmdb.sqlite";
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
  const Sqlite database(opened);
  if (result != SQLITE_OK)
    throw Error(ErrorKind::failed, fmt::format("the rpm database '{}' cannot be opened", file.string()));
  run_sql(opened, "PRAGMA journal_mode=DELETE", file);
  run_sql(opened, "VACUUM", file);
}

void remove_traces(const fs::path& rpmdb) {
  for (const char* name : {"rpmdb.sqlite-wal", "rpmdb.sqlite-shm", ".rpm.lock"}) fs::remove(rpmdb / name);
}

void check_format(const fs::path& rpmdb) {
  for (const char* name : {"Packages.db", "Packages"}) {
    if (!fs::exists(rpmdb / name)) continue;
    throw Error(ErrorKind::input, fmt::format("the base's rpm database ('{}') is not in sqlite format", name),
                "have the base composed with %_db_backend sqlite");
  }
}

// What the child says before it ends: nothing, or an error's kind and text.
[[noreturn]] void run_as_child(int to_parent, std::uint64_t time, const std::function<void()>& action) noexcept {
  int code = 0;
  std::string message;
  try {
    own_library_after_fork();
    ::setenv("SOURCE_DATE_EPOCH", std::to_string(time).c_str(), 1);  // the time librpm writes down
    action();
  } catch (const Error& error) {
    code = static_cast<int>(error.kind());
    message = error.what();
  } catch (const std::exception& error) {
    code = 1;
    message = error.what();
  }
  for (std::size_t sent = 0; sent < message.size();) {
    const ssize_t count = ::write(to_parent, message.data() + sent, message.size() - sent);
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  ::_exit(code);
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

// librpm's transactions change the process: umask, signals, and its time comes from the environment. They get one of
// their own. The caller has librpm locked, so that the child finds it at rest.
void in_child(std::uint64_t time, const std::function<void()>& action) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("making a pipe for", "librpm", errno);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw_errno("starting a process for", "librpm", errno);
  if (child == 0) run_as_child(writing.get(), time, action);
  writing = Fd();
  const std::string message = read_to_end(reading.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  if (WIFEXITED(status) && !message.empty()) throw Error(static_cast<ErrorKind>(WEXITSTATUS(status)), message);
  throw Error(ErrorKind::failed, fmt::format("librpm ended with status {} while it changed the rpm database", status));
}

}  // namespace

void update_database(const fs::path& rpmdb, const std::vector<fs::path>& packages, const std::vector<Nevra>& removed,
                     std::uint64_t time) {
  const LogCapture log(RPMLOG_ERR);
  check_format(rpmdb);
  in_child(time, [&] {
    run_transaction(rpmdb, packages, removed);
    settle(rpmdb);
  });
  remove_traces(rpmdb);
}

}  // namespace compose::rpm
