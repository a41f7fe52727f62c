#pragma once
// A tree in which real programs run: this machine's, with the libraries they need.

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <boost/filesystem/operations.hpp>

#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::tests {

class ProgramTree {
 public:
  explicit ProgramTree(const std::vector<std::string>& programs) : folder_(fs::temp_directory_path(), "tree-") {
    fs::permissions(folder_.path(), fs::perms(0755));
    for (const char* name :
         {"usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/etc", "usr/share", "var", "boot", "tmp"})
      fs::create_directories(path() / name);
    for (const char* name : {"bin", "sbin", "lib", "lib64"})
      fs::create_symlink(std::string("usr/") + name, path() / name);
    for (const char* name : {"opt", "home", "srv"}) fs::create_symlink(std::string("var/") + name, path() / name);
    fs::create_symlink("var/roothome", path() / "root");
    for (const auto& name : programs) add(name);
    fs::create_symlink("bash", path() / "usr/bin/sh");
    write("usr/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    write("usr/etc/group", "root:x:0:\n");
    fs::create_directories(path() / "usr/share/rpm");
    write("usr/share/rpm/rpmdb.sqlite", "the rpm database");
  }

  const fs::path& path() const { return folder_.path(); }

  void write(const std::string& name, const std::string& content, mode_t mode = 0644) const {
    fs::create_directories((path() / name).parent_path());
    write_file_atomically(path() / name, content, mode);
  }

 private:
  // As merged-/usr has it: what is at /lib is at /usr/lib.
  static std::string place_of(const std::string& file) { return file.starts_with("/usr/") ? file : "/usr" + file; }

  void copy(const std::string& file) {
    const fs::path target = path() / place_of(file);
    if (!copied_.insert(target.string()).second) return;
    fs::create_directories(target.parent_path());
    fs::copy_file(fs::canonical(file), target);
  }

  void add(const std::string& name) {
    std::string file = run_checked({"sh", "-c", "PATH=$PATH:/usr/sbin:/sbin command -v " + name});
    file.erase(file.find_last_not_of('\n') + 1);
    copy(file);
    std::istringstream words(run({"ldd", file}).out);
    for (std::string word; words >> word;) {
      if (word.starts_with("/")) copy(word);
    }
  }

  TemporaryDirectory folder_;
  std::set<std::string> copied_;
};

}  // namespace compose::tests
