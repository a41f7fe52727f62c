#pragma once
// Scripts in a sandbox as root and as an ordinary user: what each sees and leaves.

#include <unistd.h>

#include <string>
#include <vector>

#include "support/program_tree.hpp"

namespace compose::tests {

constexpr const char* nobody = "65534";

struct SandboxRun {
  std::string isolation = "auto";  // or "overlay", "copy"
  int seconds = 20;
  int processes = 200;
  int written_mib = 4096;
};

// Runs the scripts over a copy of `tree` that belongs to the user, in a process of its own; what it prints, stderr too.
// With `subordinate` ids from 200000 on are the user's (needs root).
inline std::string run_sandboxed(const fs::path& tree, bool as_nobody, const std::vector<std::string>& scripts,
                                 const SandboxRun& how = {}, bool subordinate = false) {
  const TemporaryDirectory folder(fs::temp_directory_path(), "sandbox-");
  fs::permissions(folder.path(), fs::perms(0755));
  const fs::path copy = folder.path() / "tree";
  const fs::path scratch = folder.path() / "scratch";
  const fs::path driver = folder.path() / "sandbox-run";  // the build folder need not be open to everybody
  run_checked({"cp", "-R", "-P", "--preserve=mode,links", tree.string(), copy.string()});
  fs::copy_file(fs::path(BUILD_DIR) / "tests/sandbox-run", driver);
  fs::create_directory(scratch);
  std::vector<std::string> arguments;
  if (as_nobody) {
    run_checked({"chown", "-hR", std::string(nobody) + ":" + nobody, copy.string(), scratch.string()});
    if (subordinate) {
      write_file_atomically(folder.path() / "subid", "65534:200000:65536\n");
      const std::string file = (folder.path() / "subid").string();
      arguments = {"unshare",
                   "--mount",
                   "sh",
                   "-c",
                   "mount --bind \"$0\" /etc/subuid && mount --bind \"$0\" /etc/subgid && exec \"$@\"",
                   file};
    }
    for (const char* word : {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"})
      arguments.emplace_back(word);
  }
  for (const std::string& word :
       {driver.string(), copy.string(), scratch.string(), how.isolation, std::to_string(how.seconds),
        std::to_string(how.processes), std::to_string(how.written_mib)})
    arguments.push_back(word);
  arguments.insert(arguments.end(), scripts.begin(), scripts.end());
  const ProcessResult result = run(arguments);
  return result.out + result.err;
}

// Whom to be: root and nobody, or, when the tests are an ordinary user's, that one.
inline std::vector<bool> users() {
  return ::geteuid() == 0 ? std::vector<bool>{false, true} : std::vector<bool>{false};
}

}  // namespace compose::tests
