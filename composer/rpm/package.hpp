#pragma once
// A package file: what its header says, and its files one after the other. Read with librpm's own archive reader,
// which checks each file's digest. Packages are hostile input: sizes and names are limited, nothing is written
// anywhere.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rpm/nevra.hpp"
#include "support/path.hpp"

namespace compose::rpm {

// One file of a package, as the header describes it.
struct PackageFile {
  std::string path;        // absolute, as packaged ("/etc/ecs/ecs.config", "/usr/bin/x"); normalised, no "..", no "//"
  std::uint32_t mode = 0;  // with type bits
  std::string user;        // names
  std::string group;
  std::uint64_t size_bytes = 0;
  std::string link_target;   // symbolic links
  std::string capabilities;  // text form (cap_from_text(3)), or empty
  bool ghost = false;        // %ghost: owned, not in the payload
  bool config = false;       // %config
  bool noreplace = false;    // %config(noreplace): what is there already stays
  std::string sha256;        // of the content as the header has it (regular files); empty when it uses another digest
  // Index of the first file of the set of hard links that this one belongs to (the first has its own); content comes
  // with that one. Nothing for a file with one name.
  std::optional<std::size_t> hard_link_of;
};

enum class ScriptKind { pre, post, preun, postun, pretrans, posttrans, verify };

struct Script {
  ScriptKind kind{};
  std::vector<std::string> interpreter;  // program and arguments; {"<lua>"}
  std::string text;                      // with macros expanded where the package asks for it (rpm/macros.hpp)
  std::string unusable = {};             // why it cannot be run ("it uses the macro …"); empty: it can
};

// A trigger that files set off (%transfiletriggerin, %filetriggerin …) or a package's presence (%triggerin …).
struct Trigger {
  enum class Kind { file, transaction_file, package };
  Kind kind{};
  std::string moment;              // "in", "un", "postun", "prein"
  std::vector<std::string> names;  // path prefixes, or package names
  int priority = 1000000;          // higher runs first
  std::vector<std::string> interpreter;
  std::string text;
  std::string unusable = {};  // as a Script's
};

struct PackageInfo {
  Nevra nevra;
  std::string summary;
  std::vector<PackageFile> files;  // in the header's order
  std::vector<Script> scripts;
  std::vector<Trigger> triggers;
};

// Reads the header. Throws Error(input) when it is not a package, is a source package, has another RPM format than 4,
// or its file list is not well formed: a relative or escaping path, a path twice, a name of more than 255 bytes, names
// that are not UTF-8 or have control characters, lists of different lengths, more files or bytes than anybody needs.
PackageInfo read_package(const fs::path& package);

// Content of one regular file while the payload is being read.
class FileContent {
 public:
  virtual ~FileContent() = default;
  // Up to `size` bytes; 0 at the end. Throws Error(mismatch) when the content is not what the header promises.
  virtual std::size_t read(char* buffer, std::size_t size) = 0;
};

// Calls `visit` for each file of the payload, directories and links too (their content is empty), in the payload's
// order. Of hard-linked files the first of the set comes with the content, the others right after it, with none. Each
// file's digest is checked, whether or not `visit` reads it all. Throws Error(mismatch) when the payload is damaged or
// is not what the header says: something is missing, there twice, or not in the header. librpm is locked meanwhile.
using Visit = std::function<void(std::size_t index, FileContent& content)>;
void read_payload(const fs::path& package, const PackageInfo& info, const Visit& visit);

// The order in which to install: what others need first, else by NEVRA; it depends on nothing but which packages they
// are. Indices into `packages`. Checks in addition, with `rpmdb` (a private copy) given, that every dependency holds in
// the end, `removed` being gone (Error(input) says which not). Throws Error(input) when two files are one package.
std::vector<std::size_t> install_order(const std::vector<fs::path>& packages, const std::optional<fs::path>& rpmdb,
                                       const std::vector<Nevra>& removed);

}  // namespace compose::rpm
