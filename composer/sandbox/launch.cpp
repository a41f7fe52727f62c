#include "sandbox/launch.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "sandbox/child.hpp"
#include "sandbox/pipe.hpp"

namespace compose::sandbox {
namespace {

const char* doing(Step step) {
  switch (step) {
    case Step::none:
    case Step::descriptors:
      return "preparing its descriptors";
    case Step::namespaces:
      return "making namespaces";
    case Step::ids:
      return "giving the namespace its user ids";
    case Step::mounts_private:
      return "making mounts private";
    case Step::owners:
      return "restoring owners";
    case Step::overlay:
      return "mounting an overlay";
    case Step::tree:
      return "opening the tree's /usr and /usr/etc, which have to be folders";
    case Step::hide:
      return "hiding the rpm database";
    case Step::expose:
      return "opening the tree's /usr/lib/alternatives, which has to be a folder";
    case Step::bind:
      return "mounting a folder into the tree";
    case Step::limits:
      return "setting limits";
    case Step::start:
      return "starting the program";
  }
  return "";
}

std::string hint_for(Step step) {
  if (step != Step::namespaces && step != Step::ids && step != Step::mounts_private) return {};
  return "unprivileged user namespaces are off or used up: set kernel.unprivileged_userns_clone=1 (Debian), "
         "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu) or user.max_user_namespaces, start the container "
         "with "
         "rights to make them, or run as root";
}

// The plan's pointers, and what they point to.
struct Prepared {
  std::string uid_map = fmt::format("0 {} 1", ::geteuid());
  std::string gid_map = fmt::format("0 {} 1", ::getegid());
  std::vector<char*> arguments;
  std::vector<const char*> hidden;
  std::vector<ChildBind> exposed;
  std::vector<ChildBind> binds;
  std::vector<ChildOwner> owners;
  std::vector<ChildLimit> limits;
  std::vector<int> descriptors;
  ChildPlan plan{};
};

const char* overlay_options(bool user_namespace) {
  return user_namespace ? "lowerdir=lower,upperdir=upper,workdir=work,userxattr"
                        : "lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=off,metacopy=off,index=off";
}

void prepare_view(const View& view, bool user_namespace, Prepared& prepared) {
  for (const auto& path : view.hidden) prepared.hidden.push_back(path.c_str());
  for (const auto& [source, target] : view.exposed) prepared.exposed.push_back({target.c_str(), source.c_str()});
  for (const auto& [target, source] : view.binds) prepared.binds.push_back({target.c_str(), source.c_str()});
  for (const auto& owner : view.owners)
    prepared.owners.push_back({owner.path.c_str(), owner.uid, owner.gid, owner.mode});
  prepared.plan.folder = view.folder.c_str();
  prepared.plan.overlay_options = view.overlay ? overlay_options(user_namespace) : nullptr;
  prepared.plan.hidden = prepared.hidden;
  prepared.plan.exposed = prepared.exposed;
  prepared.plan.binds = prepared.binds;
  prepared.plan.owners = prepared.owners;
}

// No higher than what we have: only root may raise it.
ChildLimit lowered(const Limit& limit) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(limit.resource), &now) != 0)
    throw_errno("reading", "a limit", errno);
  const rlim_t value = std::min(static_cast<rlim_t>(limit.value), now.rlim_max);
  return {limit.resource, {value, value}};
}

void prepare(const Launch& launch, Prepared& prepared) {
  for (const auto& argument : launch.arguments) prepared.arguments.push_back(const_cast<char*>(argument.c_str()));
  prepared.arguments.push_back(nullptr);
  for (const Limit& limit : launch.limits) prepared.limits.push_back(lowered(limit));
  prepared.descriptors = launch.descriptors;
  ChildPlan& plan = prepared.plan;
  plan.parent = ::getpid();
  plan.user_namespace = launch.ids.user_namespace;
  plan.ranges = launch.ids.uids.has_value();
  plan.uid_map = prepared.uid_map.c_str();
  plan.gid_map = prepared.gid_map.c_str();
  plan.limits = prepared.limits;
  plan.descriptors = prepared.descriptors;
  plan.arguments = prepared.arguments.data();
  static char* const no_environment[] = {nullptr};
  plan.environment = no_environment;
  if (launch.view != nullptr) prepare_view(*launch.view, launch.ids.user_namespace, prepared);
}

// Nothing when the program was started.
Report read_report(int fd) {
  Report report{Step::none, 0};
  ssize_t count = 0;
  do count = ::read(fd, &report, sizeof report);
  while (count < 0 && errno == EINTR);
  return count == sizeof report ? report : Report{Step::none, 0};
}

void reap(pid_t child) {
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
}

void wait_until_started(pid_t child, const Launch& launch, Pipe& status, Pipe& resume) {
  status.write = Fd();
  Report report = read_report(status.read.get());
  if (report.step == Step::ids && report.error == 0) {
    write_ranges(child, launch.ids);
    (void)!::write(resume.write.get(), "m", 1);
    report = read_report(status.read.get());
  }
  if (report.step != Step::none) throw LaunchError(report.step, report.error);
}

}  // namespace

LaunchError::LaunchError(Step step, int error_number)
    : Error(ErrorKind::failed,
            fmt::format("a sandbox cannot be started: {}: {}", doing(step), std::strerror(error_number)),
            hint_for(step)),
      step_(step) {}

pid_t launch(const Launch& launch) {
  Prepared prepared;
  prepare(launch, prepared);
  Pipe status = make_pipe();
  Pipe resume = make_pipe();
  prepared.plan.status = status.write.get();
  prepared.plan.resume = resume.read.get();
  const pid_t child = ::fork();
  if (child < 0) throw_errno("starting", launch.arguments.at(0), errno);
  if (child == 0) run_child(prepared.plan);
  try {
    wait_until_started(child, launch, status, resume);
  } catch (...) {
    ::kill(child, SIGKILL);
    reap(child);
    throw;
  }
  return child;
}

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string folders = std::string(path != nullptr ? path : "") + ":/usr/bin:/usr/sbin:/bin:/sbin";
  for (std::size_t begin = 0; begin < folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    const std::string program = folders.substr(begin, end - begin) + "/" + name;
    if (program.starts_with("/") && ::access(program.c_str(), X_OK) == 0) return program;
    begin = end + 1;
  }
  throw Error(ErrorKind::failed, fmt::format("the program '{}' is not installed", name),
              "run ci/setup, or install the package that has it (bubblewrap, findutils, coreutils)");
}

}  // namespace compose::sandbox
