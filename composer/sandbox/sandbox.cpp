#include "sandbox/sandbox.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "sandbox/arguments.hpp"
#include "sandbox/changes.hpp"
#include "sandbox/foreign_owners.hpp"
#include "sandbox/launch.hpp"
#include "sandbox/pipe.hpp"
#include "sandbox/supervise.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::sandbox {
namespace {

// A file without a name, to be read from its beginning.
Fd text_descriptor(const std::string& text) {
  Fd fd(::memfd_create("text", MFD_CLOEXEC));
  if (!fd) throw_errno("making", "a file in memory", errno);
  write_all(fd.get(), text, "a file in memory");
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) throw_errno("making", "a file in memory", errno);
  return fd;
}

std::vector<Limit> limits_of(const Limits& limits) {
  return {{RLIMIT_CORE, 0},
          {RLIMIT_FSIZE, limits.file_bytes},
          {RLIMIT_NOFILE, 1024},
          // Beside the count of processes that ends them all; has no effect on root.
          {RLIMIT_NPROC, 4ULL * limits.processes}};
}

// The rpm database, which only we write.
const std::vector<std::string>& hidden_folders() {
  static const std::vector<std::string> folders{"usr/share/rpm", "usr/lib/sysimage/rpm"};
  return folders;
}

// Where rpm-ostree keeps what alternatives(8) knows: a commit has nothing in /var.
constexpr const char* alternatives = "usr/lib/alternatives";

bool is_folder(const fs::path& tree, const fs::path& path) {
  fs::path place = tree;
  for (const fs::path& part : path) {
    place /= part;
    if (!fs::is_directory(fs::symlink_status(place))) return false;
  }
  return true;
}

}  // namespace

struct Sandbox::State {
  fs::path tree;
  fs::path folder;
  Limits limits;
  Capabilities can;
  IdMapping ids;
  std::string bubblewrap = find_program("bwrap");
  Snapshot snapshot;  // of the copy
  ForeignOwners owners;

  bool is_overlay() const { return can.isolation == Isolation::overlay; }
  fs::path changed() const { return folder / (is_overlay() ? "upper" : "merged"); }

  void prepare() {
    for (const char* name : {"upper", "work", "merged", "alternatives"}) fs::create_directories(folder / name);
    fs::create_symlink(tree, folder / "lower");
    if (is_overlay()) return;
    run_checked({"cp", "-R", "-P", "--reflink=auto", "--preserve=mode,links,timestamps", (tree / "usr").string(),
                 (folder / "merged/usr").string()});
    snapshot = take_snapshot(folder / "merged");
  }

  View view(const Command& command) const {
    View view;
    view.folder = folder;
    view.overlay = is_overlay();
    view.hidden = hidden_folders();
    view.binds = binds_in_tree(command);
    view.owners = owners.taken();
    if (is_folder(tree, alternatives)) view.exposed.emplace(alternatives, folder / "alternatives");
    return view;
  }

  Outcome run(Command command, std::uint64_t time) {
    if (is_folder(tree, alternatives)) command.binds.emplace("/var/lib/alternatives", folder / "alternatives");
    const View seen = view(command);
    Launch start;
    start.ids = ids;
    start.view = &seen;
    start.limits = limits_of(limits);
    start.arguments = bubblewrap_arguments(command, tree, folder / "merged", limits, time);
    start.arguments.insert(start.arguments.begin(), bubblewrap);
    const Fd input = text_descriptor(command.input);
    const Fd script = text_descriptor(command.script.value_or(""));
    Pipe output = make_pipe();
    Pipe status = make_pipe();
    Pipe block = make_pipe();
    start.descriptors = {input.get(),        output.write.get(), output.write.get(),
                         status.write.get(), block.read.get(),   script.get()};
    const pid_t pid = launch(start);
    owners.forget();
    for (Fd* fd : {&output.write, &status.write, &block.read}) *fd = Fd();
    return supervise({pid, std::move(output.read), std::move(status.read), std::move(block.write), folder}, limits);
  }

  std::vector<Change> changes() {
    if (ids.uids) owners.take(ids, changed());
    const Compared compared{tree, changed(), folder / "readable", ids.user_namespace, owners.by_path(changed())};
    return is_overlay() ? changes_in_overlay(compared) : changes_in_copy(compared, snapshot);
  }
};

Sandbox::Sandbox(fs::path tree, fs::path scratch, Limits limits, const std::optional<Capabilities>& can)
    : state_(std::make_unique<State>()) {
  state_->tree = fs::canonical(tree);
  state_->folder = fs::canonical(scratch);
  state_->limits = limits;
  state_->can = can ? *can : preflight(scratch);
  std::string ignored;
  state_->ids = best_mapping(ignored);
  if (state_->can.ids == Ids::single) state_->ids.uids = state_->ids.gids = std::nullopt;
  state_->prepare();
}

Sandbox::~Sandbox() {
  try {
    if (state_->ids.uids) state_->owners.take(state_->ids, state_->folder);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): whoever removes the folder will say what is in it
  }
}

Outcome Sandbox::run(const Command& command, std::uint64_t time) {
  return with_context(fmt::format("running {}", command.name), [&] { return state_->run(command, time); });
}

std::vector<Change> Sandbox::changes() const { return state_->changes(); }

}  // namespace compose::sandbox
