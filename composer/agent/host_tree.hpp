#pragma once
// A tree seen as the host that it becomes: /etc is made of /usr/etc, symbolic links lead where they lead there, and
// tmpfiles.d has made what it makes at boot.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace compose::agent {

// What there is at a path of a tree. Links are not followed.
struct TreeEntry {
  enum class Kind { absent, file, symlink, directory };
  Kind kind = Kind::absent;
  std::uint32_t mode = 0;  // permission bits
  std::string target;      // of a symbolic link
};

// A finished tree, however it is stored. Paths are those of the tree ("/usr/etc/…").
class TreeReader {
 public:
  virtual ~TreeReader() = default;
  virtual TreeEntry look(const std::string& path) const = 0;
  virtual std::vector<std::string> names_in(const std::string& directory) const = 0;  // sorted; empty when it is none
  virtual std::string read(const std::string& path) const = 0;                        // of a file
};

// Where a path leads when all links are followed.
struct Place {
  std::string path;  // of the host
  TreeEntry entry;   // what the tree has there; never a link
  bool circular = false;
};

// Paths are those of the running host. `tree` must outlive it.
class HostTree {
 public:
  explicit HostTree(const TreeReader& tree);

  TreeEntry look(const std::string& path) const;
  Place resolve(const std::string& path) const;
  std::vector<std::string> names_in(const std::string& directory) const;
  // The file's content after all links; "" when the tree has no file there, as behind a link to /dev/null.
  std::string text(const std::string& path) const;

  // Something else that is there before the agents start.
  void add_made(const std::string& path) { made_.insert(path); }

  // Whether the path is there when agents start: from the tree, from tmpfiles.d, from the kernel.
  bool is_there(const Place& place) const;
  // Whether the path lies where nothing can be made on a running host.
  static bool is_read_only(const std::string& path);

  // The files of /etc/FOLDER and /usr/lib/FOLDER in the order in which systemd's programs read them: by name; one of
  // /etc hides one of /usr/lib that has its name.
  std::vector<std::string> configuration_files(const std::string& folder, const std::string& suffix) const;

 private:
  const TreeReader& tree_;
  std::map<std::string, std::string> links_;  // that tmpfiles.d makes
  std::set<std::string> made_;
};

}  // namespace compose::agent
