#include "rpm/library.hpp"

#include <csignal>
#include <exception>
#include <new>

#include <fmt/format.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmsq.h>

#include "support/error.hpp"

namespace compose::rpm {
namespace {

constexpr std::size_t message_limit = 1000;

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

// Who gets librpm's messages now; guarded by the mutex.
LogCapture*& current_capture() {
  static LogCapture* current = nullptr;
  return current;
}

// By default ~/.rpmmacros, ~/.rpmrc and /etc/rpm would count as well: what is read from a package must not depend on
// them.
void read_configuration() {
  const std::string folder = rpmConfigDir();
  static const std::string macro_files = folder + "/macros:" + folder + "/platform/%{_target}/macros";
  ::macrofiles = macro_files.c_str();
  if (rpmReadConfigFiles((folder + "/rpmrc").c_str(), nullptr) != 0) {
    throw Error(ErrorKind::failed, fmt::format("librpm's configuration in '{}' cannot be read", folder),
                "install rpm's own files (Debian: rpm-common; Fedora: rpm)");
  }
  for (const auto& [name, value] : {std::pair{"_dbpath", "/nonexistent"},
                                    {"_db_backend", "sqlite"},
                                    {"__plugindir", "/nonexistent"},
                                    {"_pkgverify_level", "all"}}) {
    rpmPushMacro(nullptr, name, nullptr, value, RMIL_CMDLINE);
  }
}

// While a database is open librpm has handlers of its own, which end the process at once.
void keep_signals() {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  for (const int signal : {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE}) rpmsqSetAction(signal, RPMSQ_DFL);
#pragma GCC diagnostic pop
}

}  // namespace

void init_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    read_configuration();
    keep_signals();
  });
}

void own_library_after_fork() { new (&library_mutex()) std::recursive_mutex; }

LogCapture::LogCapture(rpmlogLvl level) : lock_(library_mutex()) {
  init_library();
  outer_ = current_capture();
  current_capture() = this;
  outer_mask_ = rpmlogSetMask(static_cast<int>(RPMLOG_UPTO(level)));
  rpmlogSetCallback(&LogCapture::take, this);
}

LogCapture::~LogCapture() {
  current_capture() = outer_;
  rpmlogSetMask(outer_mask_);
  rpmlogSetCallback(outer_ == nullptr ? nullptr : &LogCapture::take, outer_);
}

int LogCapture::take(rpmlogRec record, rpmlogCallbackData data) noexcept {
  try {
    auto& messages = static_cast<LogCapture*>(data)->messages_;
    std::string message = rpmlogRecMessage(record);
    while (message.ends_with('\n')) message.pop_back();
    if (messages.size() < message_limit) messages.push_back(std::move(message));
  } catch (const std::exception&) {
    return RPMLOG_DEFAULT;  // out of memory: the message goes where it would have gone
  }
  return 0;
}

std::string LogCapture::text() const { return fmt::format("{}", fmt::join(messages_, "; ")); }

Macro::Macro(std::string name, const std::string& value) : name_(std::move(name)) {
  rpmPushMacro(nullptr, name_.c_str(), nullptr, value.c_str(), RMIL_CMDLINE);
}

Macro::~Macro() { rpmPopMacro(nullptr, name_.c_str()); }

}  // namespace compose::rpm
