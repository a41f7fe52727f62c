#pragma once
// bubblewrap's command line (bwrap(1)).

#include <string>
#include <vector>

#include "sandbox/sandbox.hpp"

namespace compose::sandbox {

// The descriptors that bubblewrap inherits.
struct Descriptors {
  static constexpr int status = 3;
  static constexpr int block = 4;
  static constexpr int script = 5;
};

// `tree` is what the commands may not change, for its shape; `merged` what they see. Binds below /usr and /etc are not
// among the arguments (binds_in_tree).
std::vector<std::string> bubblewrap_arguments(const Command& command, const fs::path& tree, const fs::path& merged,
                                              const Limits& limits, std::uint64_t time);

// Folder below the tree -> host folder, of the binds that are there.
std::map<std::string, fs::path> binds_in_tree(const Command& command);

}  // namespace compose::sandbox
