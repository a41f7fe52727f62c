#include "rpm/transfer.hpp"

#include <algorithm>
#include <deque>
#include <mutex>

#include <fcntl.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/file.hpp"

namespace compose::rpm {
namespace {

using PackageTarget = Handle<LrPackageTarget, lr_packagetarget_free>;
using TargetList = Handle<GSList, g_slist_free>;

constexpr long connect_timeout_seconds = 30;
constexpr long stall_timeout_seconds = 30;  // below 1000 bytes a second for as long: the next mirror
constexpr long parallel_downloads = 6;

// What the callbacks of one transfer see and leave.
struct Running {
  const Transfer* file = nullptr;
  std::uint64_t done_bytes = 0;
  std::string failures;
  bool too_large = false;
  const std::function<void()>* changed = nullptr;
};

int on_progress(void* data, double, double done) noexcept {
  auto& running = *static_cast<Running*>(data);
  running.done_bytes = static_cast<std::uint64_t>(std::max(done, 0.0));
  if (running.done_bytes > running.file->size_bytes) {
    running.too_large = true;
    return LR_CB_ERROR;
  }
  (*running.changed)();
  return LR_CB_OK;
}

int on_mirror_failure(void* data, const char* message, const char* url) noexcept {
  return add_failure(static_cast<Running*>(data)->failures, url, message) ? LR_CB_OK : LR_CB_ERROR;
}

PackageTarget make_target(Running& running) {
  const Transfer& file = *running.file;
  const char* checksum = file.checksum.empty() ? nullptr : file.checksum.c_str();
  GError* error = nullptr;
  // Not the size: librepo takes the rest of an interrupted transfer for a file of the wrong size, and starts anew.
  PackageTarget target(lr_packagetarget_new_v2(
      file.mirrors, file.location.c_str(), file.partial.c_str(), file.checksum_type, checksum, 0, nullptr,
      checksum == nullptr ? FALSE : TRUE, on_progress, &running, nullptr, on_mirror_failure, &error));
  if (!target) {
    const GlibError owned(error);
    throw Error(ErrorKind::failed, fmt::format("fetching '{}': {}", file.location, owned->message));
  }
  return target;
}

[[noreturn]] void throw_failure(const std::deque<Running>& all, const std::string& message) {
  const auto failed =
      std::find_if(all.begin(), all.end(), [](const Running& one) { return one.too_large || !one.failures.empty(); });
  if (failed == all.end()) throw Error(ErrorKind::unreachable, fmt::format("fetching packages: {}", message));
  const std::string& location = failed->file->location;
  if (failed->too_large || speaks_of_content(failed->failures)) {
    const std::string why =
        failed->too_large ? fmt::format("it has more than the {} bytes that were promised", failed->file->size_bytes)
                          : failed->failures;
    throw Error(
        ErrorKind::mismatch, fmt::format("'{}' is not what it was said to be: {}", location, why),
        "the repository changed meanwhile, or a mirror is damaged; `atomic-compose resolve --update` asks anew");
  }
  throw Error(ErrorKind::unreachable, fmt::format("'{}' cannot be fetched: {}", location, failed->failures),
              "if the repository has moved on, `atomic-compose resolve --update` takes what it has now");
}

void run(std::deque<Running>& all) {
  std::vector<PackageTarget> targets;
  TargetList list;
  for (auto& running : all) {
    targets.push_back(make_target(running));
    list.reset(g_slist_append(list.release(), targets.back().get()));
  }
  GError* error = nullptr;
  const gboolean fine = lr_download_packages(list.get(), LR_PACKAGEDOWNLOAD_FAILFAST, &error);
  const GlibError owned(error);
  const bool all_fine =
      fine != 0 && std::none_of(all.begin(), all.end(), [](const Running& one) { return one.too_large; });
  if (!all_fine) throw_failure(all, owned ? owned->message : "stopped");
}

// librepo goes on from a partial file without looking at it: one that was damaged makes the whole wrong.
void run_again_without_partials(std::deque<Running>& all) {
  for (auto& running : all) {
    fs::remove(running.file->partial);
    running = Running{running.file, 0, {}, false, running.changed};
  }
  run(all);
}

// librepo warns on stderr by itself; what counts comes back as an error.
void keep_quiet() {
  static std::once_flag once;
  std::call_once(once, [] {
    g_log_set_handler(
        "librepo", G_LOG_LEVEL_MASK, [](const gchar*, GLogLevelFlags, const gchar*, gpointer) {}, nullptr);
  });
}

}  // namespace

MirrorSet open_mirrors(const RepoConfig& repo) {
  keep_quiet();
  MirrorSet handle(lr_handle_init());
  std::vector<const char*> urls;
  for (const auto& url : repo.base_urls) urls.push_back(url.c_str());
  urls.push_back(nullptr);
  set_option(handle.get(), LRO_REPOTYPE, static_cast<long>(LR_YUMREPO));
  if (urls.size() > 1) set_option(handle.get(), LRO_URLS, urls.data());
  if (!repo.metalink.empty()) set_option(handle.get(), LRO_METALINKURL, repo.metalink.c_str());
  if (!repo.mirrorlist.empty()) set_option(handle.get(), LRO_MIRRORLISTURL, repo.mirrorlist.c_str());
  set_option(handle.get(), LRO_USERAGENT, "atomic-compose/" ATOMIC_COMPOSE_VERSION);
  set_option(handle.get(), LRO_CONNECTTIMEOUT, connect_timeout_seconds);
  set_option(handle.get(), LRO_LOWSPEEDTIME, stall_timeout_seconds);
  set_option(handle.get(), LRO_MAXPARALLELDOWNLOADS, parallel_downloads);
  return handle;
}

void transfer(const std::vector<Transfer>& files, const std::function<void(std::uint64_t)>& progress) {
  std::deque<Running> all;
  const std::function<void()> changed = [&] {
    std::uint64_t done = 0;
    for (const auto& running : all) done += running.done_bytes;
    progress(done);
  };
  bool resumed = false;
  for (const auto& file : files) {
    resumed = resumed || fs::exists(file.partial);
    all.push_back({&file, 0, {}, false, &changed});
  }
  if (all.empty()) return;
  try {
    run(all);
  } catch (const Error& error) {
    if (!resumed || error.kind() != ErrorKind::mismatch) throw;
    run_again_without_partials(all);
  }
}

std::string fetch_url(const std::string& url, std::uint64_t limit_bytes) {
  const TemporaryDirectory folder(fs::temp_directory_path(), "fetch-");
  const MirrorSet handle = open_mirrors({});
  const fs::path content = folder.path() / "content";
  transfer({{handle.get(), url, content, LR_CHECKSUM_UNKNOWN, {}, limit_bytes}}, [](std::uint64_t) {});
  return read_file(content, limit_bytes);
}

bool add_failure(std::string& failures, const char* url, const char* message) noexcept {
  constexpr std::size_t enough = 4096;
  try {
    if (failures.size() < enough)
      failures += fmt::format("{}{}: {}", failures.empty() ? "" : "; ", url == nullptr ? "" : url, message);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool speaks_of_content(const std::string& failures) { return failures.find("checksum") != std::string::npos; }

void check_location(const std::string& location) {
  const bool odd = std::any_of(location.begin(), location.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f || c == '?' || c == '#' || c == '\\';
  });
  bool leaves =
      location.empty() || location.front() == '/' || location.back() == '/' || location.find("//") != std::string::npos;
  for (const auto& part : fs::path(location)) leaves = leaves || part == ".." || part == ".";
  if (odd || leaves || location.find("://") != std::string::npos) {
    throw Error(
        ErrorKind::input,
        fmt::format("the repository's metadata name a file '{}', which is no path within it", location.substr(0, 200)),
        "report this to whoever runs the repository");
  }
}

}  // namespace compose::rpm
