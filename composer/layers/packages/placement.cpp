#include "layers/packages/placement.hpp"

#include <set>

#include <sys/stat.h>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::layers {
namespace {

bool is_below(const std::string& path, const std::string& folder) { return path.starts_with(folder + "/"); }
bool is_in(const std::string& path, const std::string& folder) { return path == folder || is_below(path, folder); }

[[noreturn]] void refuse(const rpm::PackageFile& file, const std::string& package, const std::string& why,
                         const std::string& hint) {
  throw Error(ErrorKind::input, fmt::format("package {} has '{}', {}", package, file.path, why), hint);
}

// A field as tmpfiles.d(5) reads it: specifiers; quotes, in which every version takes a backslash alike.
std::string field(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '%') result += '%';
    result += c;
  }
  return text.find_first_of(" \"'\\") == std::string::npos ? result : '"' + result + '"';
}

// A link's target is the rest of its line: only specifiers count.
std::string argument(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '%' ? "%%" : std::string(1, c);
  return result;
}

// /var/run and /var/lock are links on every host.
std::string running_path(const std::string& path) {
  if (is_in(path, "/var/run")) return path.substr(4);
  if (is_in(path, "/var/lock")) return "/run" + path.substr(4);
  return path;
}

std::string tmpfiles_line(const rpm::PackageFile& file, const std::string& package) {
  const std::string path = running_path(file.path);
  if (path == "/var" || path == "/run") return {};
  if (S_ISDIR(file.mode)) {
    return fmt::format("d {} {:04o} {} {} - -", field(path), file.mode & 07777U, field(file.user), field(file.group));
  }
  if (S_ISLNK(file.mode)) return fmt::format("L {} - - - - {}", field(path), argument(file.link_target));
  refuse(file, package, "but a commit's /var and /run are empty",
         fmt::format("to have it kept below /usr and copied to /var at first boot: [packages] var-files = [\"{}\"]",
                     package.substr(0, package.rfind('-', package.rfind('-') - 1))));
}

// A file in /var as the host gets it: content of the tree, and a copy of it where it is to be.
Placement place_copied(const rpm::PackageFile& file) {
  const std::string kept = "/usr/share/factory" + file.path;
  return {kept, fmt::format("C {} {:04o} {} {} - {}", field(file.path), file.mode & 07777U, field(file.user),
                            field(file.group), argument(kept))};
}

// /opt/NAME is content of the package's vendor: the tree has it, the host's /opt (which is /var/opt) a link to it.
Placement place_optional(const rpm::PackageFile& file) {
  if (file.path == "/opt") return {};
  const std::string name = file.path.substr(5, file.path.find('/', 5) - 5);
  return {"/usr/lib" + file.path,
          fmt::format("L /var/opt/{} - - - - ../../usr/lib/opt/{}", field(name), argument(name))};
}

const std::set<std::string>& links_into_usr() {
  static const std::set<std::string> links{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
  return links;
}

void check_type(const rpm::PackageFile& file, const std::string& package) {
  if (S_ISREG(file.mode) || S_ISDIR(file.mode) || S_ISLNK(file.mode)) return;
  refuse(file, package, "a device node, a pipe or a socket",
         "have the host make it: by a tmpfiles.d line, a udev rule or a .socket unit");
}

}  // namespace

std::string top_of(const std::string& path) { return path.substr(0, path.find('/', 1)); }

bool is_packaged_area(const std::string& path) {
  const std::string top = top_of(path);
  if (top == "/usr") return !is_in(path, "/usr/local");
  return links_into_usr().contains(top);
}

Placement place(const rpm::PackageFile& file, const std::string& package, VarFiles var_files) {
  if (file.ghost) return {};
  check_type(file, package);
  const std::string& path = file.path;
  if (path == "/" && S_ISDIR(file.mode)) return {};
  if (is_in(path, "/etc")) return {"/usr" + path, {}};
  if (is_in(path, "/boot")) return {"/usr/lib/ostree-boot" + path.substr(5), {}};
  if (is_in(path, "/opt")) return place_optional(file);
  if (is_in(path, "/var/lib/alternatives")) return {"/usr" + path.substr(4), {}};
  if (var_files == VarFiles::copy && is_below(running_path(path), "/var") && S_ISREG(file.mode))
    return place_copied(file);
  if (is_in(path, "/var") || is_in(path, "/run")) return {{}, tmpfiles_line(file, package)};
  if (is_in(path, "/usr/local")) {
    refuse(file, package, "but /usr/local is the host's own (/var/usrlocal)", "have the package built for /usr");
  }
  if (is_packaged_area(path)) return {path, {}};
  refuse(file, package, fmt::format("but '{}' is not part of a commit", top_of(path)),
         "have the package ship it below /usr, or make it on the host by a tmpfiles.d line");
}

}  // namespace compose::layers
