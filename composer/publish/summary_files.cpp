#include "publish/summary_files.hpp"

#include <algorithm>
#include <ctime>
#include <set>

#include <boost/filesystem/operations.hpp>

#include "support/digest.hpp"
#include "support/file.hpp"

namespace compose::publish {
namespace {

constexpr std::uint64_t limit_bytes = 16U << 20U;
constexpr const char* folder_name = "summaries";
constexpr const char* unfinished_prefix = "new-";

std::string content_of(const fs::path& file) { return fs::exists(file) ? read_file(file, limit_bytes) : ""; }

// A link is made beside its place and renamed, whatever stood there.
void put_link(const fs::path& link, const fs::path& target) {
  const fs::path made = link.parent_path() / (unfinished_prefix + link.filename().string());
  fs::remove(made);
  fs::create_symlink(target, made);
  fs::rename(made, link);
}

std::string name_of(const SummaryFiles& files) { return sha256_hex(files.summary + files.signature).substr(0, 16); }

// Hosts ask "has it changed since", and a web server tells by the time of change in whole seconds: two publications in
// one second, or an older pair that comes back, would go unnoticed.
std::time_t time_after(const fs::path& file) {
  boost::system::error_code missing;
  const std::time_t before = fs::last_write_time(file, missing);
  return missing ? std::time(nullptr) : std::max(std::time(nullptr), before + 1);
}

// The folder of the pair appears whole, then the link leads to it.
void make_current(const fs::path& folder, const SummaryFiles& files) {
  const std::string name = name_of(files);
  const std::time_t changed = time_after(folder.parent_path() / "summary");
  if (!fs::exists(folder / name)) {
    const TemporaryDirectory work(folder, unfinished_prefix);
    const fs::path made = work.path() / "pair";
    fs::create_directory(made);
    write_file_atomically(made / "summary", files.summary);
    write_file_atomically(made / "summary.sig", files.signature);
    fs::rename(made, folder / name);
  }
  for (const char* file : {"summary", "summary.sig"}) fs::last_write_time(folder / name / file, changed);
  put_link(folder / "current", name);
}

void remove_others(const fs::path& folder, const std::set<std::string>& kept) {
  for (fs::directory_iterator entry(folder), end; entry != end; ++entry) {
    if (!kept.contains(entry->path().filename().string())) fs::remove_all(entry->path());
  }
}

bool is_linked(const fs::path& repository) {
  return fs::is_symlink(repository / "summary") && fs::is_symlink(repository / "summary.sig");
}

// The signature's name first: without a summary it is of no use.
void link_names(const fs::path& repository) {
  for (const char* name : {"summary.sig", "summary"}) {
    put_link(repository / name, fs::path(folder_name) / "current" / name);
  }
}

}  // namespace

SummaryFiles read_summary_files(const fs::path& repository) {
  SummaryFiles files{content_of(repository / "summary"), content_of(repository / "summary.sig")};
  return files.summary.empty() ? SummaryFiles() : files;
}

void write_summary_files(const fs::path& repository, const SummaryFiles& files) {
  const fs::path folder = repository / folder_name;
  fs::create_directories(folder);
  const SummaryFiles before = read_summary_files(repository);
  const bool linked = is_linked(repository);
  if (!linked && !before.summary.empty()) {  // files that somebody else wrote: links to the same
    make_current(folder, before);
    link_names(repository);
  }
  make_current(folder, files);
  if (before.summary.empty()) link_names(repository);
  // Somebody may be about to open the pair before.
  remove_others(folder, {"current", name_of(files), name_of(before)});
}

}  // namespace compose::publish
