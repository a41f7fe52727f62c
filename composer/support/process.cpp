#include "support/process.hpp"

#include <array>
#include <csignal>
#include <future>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <boost/asio.hpp>
#include <boost/process.hpp>
#include <boost/process/extend.hpp>
#pragma GCC diagnostic pop

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>

#include "support/error.hpp"

namespace compose {
namespace {

namespace bp = boost::process;

// The kernel ends the child when this process dies, however it dies. `parent` tells a parent that died before the call.
struct EndWithParent : bp::extend::handler {
  pid_t parent = ::getpid();
  template <typename Executor>
  void on_exec_setup(Executor&) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
  }
};

boost::filesystem::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  auto path = boost::this_process::path();
  path.insert(path.end(), {"/usr/sbin", "/sbin"});  // mke2fs, sfdisk: not on an ordinary user's PATH
  const auto program = bp::search_path(name, path);
  if (program.empty()) {
    throw Error(ErrorKind::failed, fmt::format("the program '{}' is not installed", name),
                "run ci/setup, or install the package that has it");
  }
  return program;
}

bp::environment environment_of(const ProcessOptions& options) {
  bp::environment environment = boost::this_process::environment();
  for (const auto& [name, value] : options.environment) environment[name] = value;
  return environment;
}

fs::path directory_of(const ProcessOptions& options) { return options.working_directory.value_or("."); }

std::vector<std::string> tail_of(const std::vector<std::string>& arguments) {
  return {arguments.begin() + 1, arguments.end()};
}

int exit_code_of(int native_status) {
  return WIFSIGNALED(native_status) ? 128 + WTERMSIG(native_status) : WEXITSTATUS(native_status);
}

[[noreturn]] void throw_not_started(const std::string& program, const std::exception& reason) {
  throw Error(ErrorKind::failed, fmt::format("starting '{}': {}", program, reason.what()));
}

std::string last_lines(const std::string& text, std::size_t limit_bytes) {
  if (text.size() <= limit_bytes) return text;
  return "…" + text.substr(text.size() - limit_bytes);
}

}  // namespace

ProcessResult run(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  const auto program = find_program(arguments.at(0));
  try {
    boost::asio::io_context io;
    std::future<std::string> out;
    std::future<std::string> err;
    bp::child child(bp::exe = program, bp::args = tail_of(arguments), environment_of(options),
                    bp::start_dir = directory_of(options).string(), bp::std_in<bp::null, bp::std_out> out,
                    bp::std_err > err, io, EndWithParent{});
    io.run();
    child.wait();
    return {exit_code_of(child.native_exit_code()), out.get(), err.get()};
  } catch (const bp::process_error& error) {
    throw_not_started(arguments.at(0), error);
  }
}

std::string run_checked(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  ProcessResult result = run(arguments, options);
  if (result.exit_code == 0) return std::move(result.out);
  throw Error(ErrorKind::failed,
              fmt::format("'{}' failed with exit code {}: {}", boost::algorithm::join(arguments, " "), result.exit_code,
                          last_lines(result.err.empty() ? result.out : result.err, 2000)));
}

struct Child::State {
  bp::child process;
};

Child::Child(const std::vector<std::string>& arguments, const ProcessOptions& options)
    : state_(std::make_unique<State>()) {
  const auto program = find_program(arguments.at(0));
  const std::string output = options.output_file.value_or("/dev/null").string();
  try {
    state_->process = bp::child(bp::exe = program, bp::args = tail_of(arguments), environment_of(options),
                                bp::start_dir = directory_of(options).string(),
                                bp::std_in<bp::null, (bp::std_out & bp::std_err)> output, EndWithParent{});
  } catch (const bp::process_error& error) {
    throw_not_started(arguments.at(0), error);
  }
}

Child::~Child() {
  if (state_) kill();
}
Child::Child(Child&&) noexcept = default;
Child& Child::operator=(Child&&) noexcept = default;

pid_t Child::pid() const noexcept { return state_->process.id(); }

std::optional<int> Child::exit_code() {
  std::error_code ignored;
  if (state_->process.running(ignored)) return std::nullopt;
  return exit_code_of(state_->process.native_exit_code());
}

int Child::wait() {
  std::error_code ignored;
  state_->process.wait(ignored);
  return exit_code_of(state_->process.native_exit_code());
}

void Child::kill() {
  std::error_code ignored;
  if (!state_->process.running(ignored)) return;
  state_->process.terminate(ignored);
}

}  // namespace compose
