#pragma once
// Child processes: programs by name, arguments as a list (never a shell), gone when the parent is gone.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "support/path.hpp"

namespace compose {

struct ProcessOptions {
  std::map<std::string, std::string> environment;  // added to, or replacing, the parent's variables
  std::optional<fs::path> working_directory;
  std::optional<fs::path> output_file;  // stdout and stderr both go there (a long-running Child)
};

struct ProcessResult {
  int exit_code = 0;  // 128 + signal when killed by one
  std::string out;
  std::string err;
};

// Runs to the end with stdin from /dev/null and gathers the output. Throws Error(failed) only when the program
// cannot be started, with a hint to install it.
ProcessResult run(const std::vector<std::string>& arguments, const ProcessOptions& options = {});

// Like run(), but a non-zero exit throws Error(failed): the command and the last lines of its stderr. Returns stdout.
std::string run_checked(const std::vector<std::string>& arguments, const ProcessOptions& options = {});

// A program that runs beside us; killed on destruction, and by the kernel when this process dies.
class Child {
 public:
  explicit Child(const std::vector<std::string>& arguments, const ProcessOptions& options = {});
  ~Child();
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;

  pid_t pid() const noexcept;
  std::optional<int> exit_code();  // once it has ended (128 + signal when killed by one); does not wait
  int wait();                      // waits for the end, returns the exit code
  void kill();                     // SIGKILL, then waits; no effect after the end

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace compose
