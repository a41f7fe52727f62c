#pragma once
// What is wrong with a file that somebody wrote, and where.

#include <string>
#include <string_view>
#include <vector>

#include "support/path.hpp"

namespace compose::recipe {

// A place in a file and what is wrong there. Line and column count from 1; columns count characters.
struct Diagnostic {
  fs::path file;
  unsigned line = 1;
  unsigned column = 1;
  std::string message;
};

class Diagnostics {
 public:
  void add(Diagnostic diagnostic);
  bool empty() const noexcept { return all_.empty(); }
  const std::vector<Diagnostic>& all() const noexcept { return all_; }

  // One problem a line, "FILE:LINE:COLUMN: message", files in the order they were first mentioned, each from top to
  // bottom. After kMostShown problems the rest is only counted.
  std::string text() const;

  // Throws Error(input) with text() when there is any problem.
  void throw_if_any(const std::string& hint = {}) const;

  static constexpr std::size_t kMostShown = 50;

 private:
  std::vector<Diagnostic> all_;
};

// 'VALUE' for messages: control characters escaped, cut after 80 characters.
std::string quoted(std::string_view value);

}  // namespace compose::recipe
