#include "sandbox/foreign_owners.hpp"

#include <cerrno>
#include <cstdio>

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::sandbox {
namespace {

// As root of the sandbox; what it prints.
std::string run_inside(const IdMapping& ids, std::vector<std::string> arguments) {
  const Fd output(::memfd_create("output", MFD_CLOEXEC));
  if (!output) throw_errno("making", "a file in memory", errno);
  Launch start;
  start.ids = ids;
  start.arguments = std::move(arguments);
  start.arguments[0] = find_program(start.arguments[0]);
  start.descriptors = {-1, output.get(), -1};
  const pid_t pid = launch(start);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (status != 0) throw Error(ErrorKind::failed, fmt::format("'{}' failed in the sandbox", start.arguments[0]));
  std::string text(static_cast<std::size_t>(::lseek(output.get(), 0, SEEK_END)), '\0');
  const ssize_t count = ::pread(output.get(), text.data(), text.size(), 0);
  if (count != static_cast<ssize_t>(text.size())) throw_errno("reading", "a file in memory", errno);
  return text;
}

// "UID GID MODE TYPE PATH" of find's.
Owner parse_owner(const std::string& record) {
  Owner owner;
  unsigned mode = 0;
  char type = 0;
  int path = 0;
  if (std::sscanf(record.c_str(), "%u %u %o %c %n", &owner.uid, &owner.gid, &mode, &type, &path) != 4 || path == 0)
    throw Error(ErrorKind::failed, fmt::format("find prints '{}', which is not understood", record));
  owner.mode = mode | (type == 'l' ? S_IFLNK : type == 'd' ? S_IFDIR : S_IFREG);
  owner.path = record.substr(static_cast<std::size_t>(path));
  return owner;
}

}  // namespace

void ForeignOwners::take(const IdMapping& ids, const fs::path& folder) {
  const std::string list = run_inside(ids, {"find", folder.string(), "(", "!", "-uid", "0", "-o", "!", "-gid", "0", ")",
                                            "-printf", "%U %G %m %y %p\\0", "-exec", "chown", "-h", "0:0", "{}", "+"});
  if (list.empty()) return;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = list.find('\0', begin);
    owners_.push_back(parse_owner(list.substr(begin, end - begin)));
    begin = end + 1;
  }
  for (const Owner& owner : owners_) {  // a change of owner takes set-user-ID bits away
    if (!S_ISLNK(owner.mode) && ::chmod(owner.path.c_str(), owner.mode & 07777U) != 0)
      throw_errno("reading", owner.path, errno);
  }
}

std::map<std::string, Owner> ForeignOwners::by_path(const fs::path& folder) const {
  std::map<std::string, Owner> owners;
  const std::string prefix = folder.string() + "/";
  for (const Owner& owner : owners_) {
    if (owner.path.starts_with(prefix)) owners.emplace(owner.path.substr(prefix.size()), owner);
  }
  return owners;
}

}  // namespace compose::sandbox
