#pragma once
// A tree that programs may run in without being able to harm anything: a copy-on-write view of a folder (overlayfs in
// namespaces of our own, as an ordinary user too) in which programs run in bubblewrap: no network, no devices, the
// host's environment hidden, limits on time and processes. What they changed is listed afterwards; the folder below
// stays as it was.
//
// Programs see the tree's /usr, and its /usr/etc as /etc; the tree's other folders empty and read-only, its links as
// they are; /opt as /usr/lib/opt when the tree has that. /var has the usual folders and is read-only, so that what
// would be lost fails (rpm-ostree does the same), but for /var/lib/alternatives: that is the tree's
// /usr/lib/alternatives when it has one. /var/tmp, /tmp and /run can be written and are emptied after each command. The
// rpm database is an empty folder. Capabilities and namespaces are rpm-ostree's (bwrap.rs, rpmostree-scripts.cxx).

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/preflight.hpp"
#include "support/path.hpp"

namespace compose::sandbox {

struct Command {
  std::string name;                                // for messages: "ecs-init.post"
  std::vector<std::string> arguments;              // program of the tree and its arguments
  std::optional<std::string> script;               // its text appears as a file whose path is appended to the arguments
  std::vector<std::string> script_arguments;       // after that path
  std::string input;                               // stdin
  std::map<std::string, std::string> environment;  // besides PATH, LANG and SYSTEMD_OFFLINE=1
  // More paths of the sandbox, writable: host folder behind each. One below /usr or /etc has to be a folder there.
  std::map<std::string, fs::path> binds;
};

struct Outcome {
  int exit_code = 0;
  std::string output;  // both streams, the last 64 KiB
  bool timed_out = false;
  std::string stopped;  // which limit ended it ("longer than 300 s", "more than 512 processes at once"…), or empty
};

struct Limits {
  std::chrono::seconds time{300};             // of one command
  unsigned processes = 512;                   // and threads, at once
  std::uint64_t file_bytes = 4ULL << 30U;     // of one file
  std::uint64_t written_bytes = 8ULL << 30U;  // by one command, as the free space of the file system shows it
  std::uint64_t memory_bytes = 1ULL << 30U;   // of what is written to each of /tmp, /run and /var/tmp
};

// One thing that differs from the folder below. Paths are the tree's, absolute ("/usr/etc/passwd").
struct Change {
  enum class Kind { file, symlink, directory, removed, special };  // special: a pipe, a socket; no commit can have it
  std::string path;
  Kind kind{};
  bool existed = false;       // the folder below has something there
  bool same_kind = false;     // and of the same kind
  std::uint32_t mode = 0;     // permission bits now
  bool mode_changed = false;  // against the folder below
  std::uint32_t uid = 0;      // as the programs saw it
  std::uint32_t gid = 0;
  bool owner_changed = false;  // against what a new file has, 0:0
  std::string symlink_target;
  fs::path content;  // regular files: where the bytes are now, until the sandbox goes
};

class Sandbox {
 public:
  // `tree` has /usr, /usr/etc and links such as /bin as a commit has them, checked out (hard links into a repository
  // are fine: they are never written). `scratch` is an empty folder of the caller's on a file system that can hold the
  // changes. Throws Error(failed) with what is missing on this machine and what to do (sandbox/preflight.hpp).
  // `can` says what to rely on instead of trying it.
  Sandbox(fs::path tree, fs::path scratch, Limits limits = {}, const std::optional<Capabilities>& can = std::nullopt);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // One after the other sees what those before it changed. The environment has SOURCE_DATE_EPOCH = `time`.
  Outcome run(const Command& command, std::uint64_t time);

  // Everything that differs now, parents before children, sorted. What is removed with its folder is named once.
  std::vector<Change> changes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace compose::sandbox
