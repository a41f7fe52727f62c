#pragma once
// Where a packaged path goes in the tree of an atomic host: rpm-ostree's rules. What a commit cannot have becomes a
// tmpfiles.d(5) line, or is refused with what the package's maker can do. Pure.

#include <string>

#include "rpm/package.hpp"

namespace compose::layers {

struct Placement {
  std::string path;      // in the tree, its parents' links not followed yet; empty: the file is not in the tree
  std::string tmpfiles;  // a line that makes it on the host; empty: none is needed
};

// What becomes of a package's files in /var, which a commit cannot have.
enum class VarFiles {
  refuse,  // an error
  copy,    // below /usr/share/factory, and copied to /var by the host where missing (tmpfiles.d(5), type C)
};

// `package` (a NEVRA) is for messages. %ghost files get neither path nor line; what alternatives(8) keeps in /var/lib
// is in /usr/lib. Throws Error(input) for device nodes, pipes and sockets, for other files in /var and /run, and for
// paths that belong to the host (/home, /usr/local, …).
Placement place(const rpm::PackageFile& file, const std::string& package, VarFiles var_files = VarFiles::refuse);

// Whether files may be put at this path of the tree: where links within the tree may lead.
bool is_packaged_area(const std::string& path);

// The part of a path below the tree's root up to the first '/': "/usr/bin/x" -> "/usr".
std::string top_of(const std::string& path);

}  // namespace compose::layers
