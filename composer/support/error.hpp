#pragma once
// Failures: what the program throws and how it explains itself.

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace compose {

// What kind of failure it is; the value is the process's exit code (a contract, see README.md).
enum class ErrorKind {
  failed = 1,       // something on this machine went wrong
  usage = 2,        // the command line is wrong
  input = 3,        // the recipe, a profile, an image or other input is wrong
  unreachable = 4,  // a remote did not answer; worth retrying
  mismatch = 5,     // a digest or a signature does not match
};

// A failure with its context. what() is the first line only; explain() is all a person needs.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  ErrorKind kind() const noexcept { return kind_; }
  const std::string& hint() const noexcept { return hint_; }
  const std::vector<std::string>& trace() const noexcept { return trace_; }

  // Adds what was being done, from the inside out ("while writing the root file system").
  Error& during(std::string doing) {
    trace_.push_back(std::move(doing));
    return *this;
  }

  // "error: …\n  … while …\nhint: …\n"
  std::string explain() const;

 private:
  ErrorKind kind_;
  std::string hint_;
  std::vector<std::string> trace_;
};

// Throws an Error for the errno value `error_number`: "OPERATION 'OBJECT': No space left on device". A full disk and a
// missing permission get a hint.
[[noreturn]] void throw_errno(std::string_view operation, std::string_view object, int error_number);

// Runs `action`; an Error that leaves it says in addition that it happened while `doing`.
template <typename Action>
auto with_context(const std::string& doing, Action&& action) {
  try {
    return std::forward<Action>(action)();
  } catch (Error& error) {
    error.during(doing);
    throw;
  }
}

}  // namespace compose
