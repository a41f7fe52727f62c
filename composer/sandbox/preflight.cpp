#include "sandbox/preflight.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "sandbox/launch.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::sandbox {
namespace {

// Starts bubblewrap on this machine's own programs; what it says when it fails, or nothing.
std::optional<std::string> try_bubblewrap(const fs::path& folder, const IdMapping& ids, const View* view,
                                          const std::vector<std::string>& program) {
  Launch start;
  start.ids = ids;
  start.view = view;
  start.arguments = {find_program("bwrap"),
                     "--unshare-pid",
                     "--unshare-net",
                     "--unshare-ipc",
                     "--unshare-uts",
                     "--ro-bind",
                     "/",
                     "/",
                     "--proc",
                     "/proc",
                     "--dev",
                     "/dev"};
  if (view != nullptr) {
    const std::string merged = (folder / "merged").string();
    start.arguments.insert(start.arguments.end(), {"--bind", merged, merged});
  }
  start.arguments.insert(start.arguments.end(), program.begin(), program.end());
  const Fd output = open_file(folder / "output", O_RDWR | O_CREAT | O_TRUNC);
  start.descriptors = {-1, output.get(), output.get()};
  const pid_t pid = launch(start);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return status == 0 ? std::nullopt : std::optional(read_file(folder / "output"));
}

void try_namespaces(const fs::path& folder, const IdMapping& ids) {
  if (const auto why = try_bubblewrap(folder, ids, nullptr, {find_program("true")})) {
    throw Error(ErrorKind::failed, fmt::format("programs cannot be run isolated on this machine: {}", *why),
                "package scripts need what bubblewrap needs: namespaces, and mounting /proc in them (in a container: "
                "unmasked /proc, --security-opt seccomp=unconfined or --privileged)");
  }
}

// Replaces a folder, which needs whiteouts and extended attributes. Why that does not work, or "".
std::string try_overlay(const fs::path& folder, const IdMapping& ids) {
  for (const char* name : {"lower/usr/etc/old", "upper", "work", "merged"}) fs::create_directories(folder / name);
  View view;
  view.folder = folder;
  const std::string etc = (folder / "merged/usr/etc").string();
  try {
    const auto why =
        try_bubblewrap(folder, ids, &view, {find_program("sh"), "-c", "rm -r \"$1\" && mkdir \"$1\"", "sh", etc});
    if (why) return *why;
  } catch (const LaunchError& error) {
    if (error.step() != Step::overlay) throw;
    return error.what();
  }
  const char* name = ids.user_namespace ? "user.overlay.opaque" : "trusted.overlay.opaque";
  if (::lgetxattr((folder / "upper/usr/etc").c_str(), name, nullptr, 0) < 1) return std::strerror(errno);
  return {};
}

}  // namespace

Capabilities preflight(const fs::path& scratch) {
  const TemporaryDirectory folder(fs::canonical(scratch), "preflight-");
  Capabilities can;
  std::string note;
  IdMapping ids = best_mapping(note);
  if (!note.empty()) can.notes.push_back(note);
  if (ids.uids) {
    try {
      try_namespaces(folder.path(), ids);
    } catch (const Error& error) {
      can.notes.push_back(fmt::format("scripts cannot give files to other users: {}", error.what()));
      ids.uids = ids.gids = std::nullopt;
    }
  }
  if (!ids.uids) try_namespaces(folder.path(), ids);
  can.ids = !ids.user_namespace || ids.uids ? Ids::all : Ids::single;
  const std::string why = try_overlay(folder.path(), ids);
  can.isolation = why.empty() ? Isolation::overlay : Isolation::copy;
  if (!why.empty()) can.notes.push_back(fmt::format("overlayfs does not work here, the tree is copied: {}", why));
  return can;
}

}  // namespace compose::sandbox
