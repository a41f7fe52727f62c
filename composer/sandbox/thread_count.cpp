#include <cstdlib>
#include <sstream>
#include <vector>

#include <dirent.h>

#include "sandbox/supervise.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::sandbox {
namespace {

struct Process {
  pid_t parent = 0;
  std::size_t threads = 0;
};

// proc(5), /proc/PID/stat: the name is in parentheses and may hold anything; the parent is the second field after it,
// the number of threads the 18th.
std::optional<Process> read_process(const std::string& pid) {
  std::string stat;
  try {
    stat = read_file("/proc/" + pid + "/stat", 65536);
  } catch (const Error&) {
    return std::nullopt;  // it has ended
  }
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string skipped;
  Process process;
  fields >> skipped >> process.parent;
  for (int field = 3; field < 18; ++field) fields >> skipped;
  fields >> process.threads;
  return fields ? std::optional(process) : std::nullopt;
}

std::map<pid_t, Process> read_processes() {
  std::map<pid_t, Process> processes;
  const Handle<DIR, ::closedir> folder(::opendir("/proc"));
  if (!folder) return processes;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (const auto process = read_process(name)) processes.emplace(static_cast<pid_t>(std::stol(name)), *process);
  }
  return processes;
}

}  // namespace

std::size_t count_threads_below(pid_t root) {
  const auto processes = read_processes();
  std::map<pid_t, std::vector<pid_t>> children;
  for (const auto& [pid, process] : processes) children[process.parent].push_back(pid);
  std::size_t count = 0;
  std::vector<pid_t> open{root};
  while (!open.empty()) {
    const auto below = children.find(open.back());
    open.pop_back();
    if (below == children.end()) continue;
    for (const pid_t pid : below->second) count += processes.at(pid).threads;
    open.insert(open.end(), below->second.begin(), below->second.end());
    children.erase(below);
  }
  return count;
}

std::size_t count_threads() {
  // proc(5), /proc/loadavg: "… RUNNING/ALL …".
  const std::string text = read_file("/proc/loadavg", 4096);
  const std::size_t slash = text.find('/');
  return slash == std::string::npos ? SIZE_MAX : std::strtoul(text.c_str() + slash + 1, nullptr, 10);
}

}  // namespace compose::sandbox
