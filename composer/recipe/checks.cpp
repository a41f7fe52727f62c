#include "recipe/checks.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "recipe/diagnostics.hpp"
#include "recipe/nearest.hpp"
#include "support/number.hpp"

namespace compose::recipe {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::size_t kLongest = 255;

template <typename... Sets>
bool only(std::string_view text, Sets... sets) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return ((std::string_view(sets).find(c) != std::string_view::npos) || ...); });
}

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

// [FIRST][REST]{0,62}
template <typename... Sets>
bool is_word(std::string_view text, std::string_view punctuation, Sets... letters) {
  return !text.empty() && text.size() <= 63 && only(text.substr(0, 1), letters...) &&
         only(text, letters..., punctuation);
}

}  // namespace

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool consists_of(std::string_view text, std::string_view punctuation) {
  return !text.empty() && only(text, kLower, kUpper, kDigits, punctuation);
}

bool is_within(std::string_view path, std::string_view folder) {
  return starts_with(path, folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

Problem problem_with_name(std::string_view value) {
  if (is_word(value, "._-", kLower, kDigits)) return std::nullopt;
  return fmt::format(
      "{} is not a recipe name: use lower-case letters, digits, '.', '_' and '-', at most 63, beginning "
      "with a letter or a digit",
      quoted(value));
}

Problem problem_with_version(std::string_view value) {
  if (is_word(value, "._+~-", kLower, kUpper, kDigits)) return std::nullopt;
  return fmt::format(
      "{} is not a version: use letters, digits, '.', '_', '+', '~' and '-', at most 63, beginning with a "
      "letter or a digit",
      quoted(value));
}

Problem problem_with_ref(std::string_view value) {
  const std::string not_a_ref = fmt::format("{} is not an OSTree ref such as fedora/42/x86_64/ecs: ", quoted(value));
  if (value.size() > kLongest) return not_a_ref + "it is longer than 255 characters";
  if (value.find(':') != std::string_view::npos) return not_a_ref + "write it without a remote's name and ':'";
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find('/', begin), value.size());
    const std::string_view part = value.substr(begin, end - begin);
    if (part.empty()) return not_a_ref + "there is an empty part before or after a '/'";
    if (!only(part, kLower, kUpper, kDigits, "._-"))
      return not_a_ref + "use letters, digits, '.', '_' and '-' between the '/'";
    if (part[0] == '.' || part[0] == '-') return not_a_ref + "no part may begin with '.' or '-'";
    begin = end + 1;
  }
  return std::nullopt;
}

Problem problem_with_url(std::string_view value) {
  const std::size_t scheme_end = value.find("://");
  const std::string_view scheme = value.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
  if (scheme != "http" && scheme != "https") {
    return fmt::format(
        "{} is not the URL of a repository: it must begin with https:// or http:// (for a repository in "
        "a folder write repo = \"PATH\" instead)",
        quoted(value));
  }
  const std::string_view rest = value.substr(scheme_end + 3);
  const std::string_view host = rest.substr(0, rest.find('/'));
  if (host.find('@') != std::string_view::npos)
    return "a URL here must not hold a user name or a password: recipes are for everybody to read";
  if (host.empty()) return fmt::format("{} names no host", quoted(value));
  const bool printable = std::all_of(rest.begin(), rest.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!printable)
    return fmt::format("{} is not a URL: spaces, control and non-ASCII characters must be written as %XX",
                       quoted(value));
  if (rest.find_first_of("?#") != std::string_view::npos)
    return fmt::format("{} is not the URL of a repository: no '?' and no '#'", quoted(value));
  return std::nullopt;
}

Problem problem_with_cluster(std::string_view value) {
  if (!value.empty() && value.size() <= kLongest && only(value, kLower, kUpper, kDigits, "_-")) return std::nullopt;
  return fmt::format("{} is not a cluster name: use 1 to 255 letters, digits, '_' and '-'", quoted(value));
}

Problem problem_with_runtime(std::string_view value) {
  if (value == "docker" || value == "podman") return std::nullopt;
  return fmt::format("{} is not a container runtime that can be used: write \"docker\" or \"podman\"", quoted(value));
}

Problem problem_with_variable(std::string_view name, std::string_view value) {
  const bool named = !name.empty() && only(name.substr(0, 1), kUpper, "_") && only(name, kUpper, kDigits, "_");
  if (!named) {
    return fmt::format(
        "{} is not a variable's name: use upper-case letters, digits and '_', not beginning with a digit",
        quoted(name));
  }
  if (has_control_characters(value) || value.find_first_of("\"'\\") != std::string_view::npos) {
    return fmt::format(
        "the value of {} must not hold quotes, backslashes, line ends or other control characters: it goes "
        "into a file that several programs read, each with its own rules for these",
        name);
  }
  return std::nullopt;
}

Problem problem_with_stateroot(std::string_view value) {
  if (is_word(value, "._-", kLower, kUpper, kDigits)) return std::nullopt;
  return fmt::format(
      "{} is not a stateroot: use letters, digits, '.', '_' and '-', at most 63, beginning with a letter or "
      "a digit",
      quoted(value));
}

Problem problem_with_remote(std::string_view value) {
  if (is_word(value, "._-", kLower, kUpper, kDigits)) return std::nullopt;
  return fmt::format(
      "{} is not a remote's name: use letters, digits, '.', '_' and '-', at most 63, beginning with a letter or a "
      "digit",
      quoted(value));
}

Problem problem_with_format(std::string_view value) {
  static const std::vector<std::string> formats = {"raw", "qcow2", "vmdk", "vhd"};
  if (std::find(formats.begin(), formats.end(), value) != formats.end()) return std::nullopt;
  const auto meant = nearest(value, formats);
  return fmt::format("unknown disk format {}{} formats: {}", quoted(value),
                     meant ? fmt::format("; did you mean '{}'?", *meant) : ";", fmt::join(formats, ", "));
}

Problem problem_with_karg(std::string_view value) {
  if (value.empty()) return "a kernel argument must not be empty";
  for (const std::string_view reserved : {"root=", "ostree="}) {
    if (starts_with(value, reserved))
      return fmt::format("{}: '{}' is set by the composer itself; leave it out", quoted(value), reserved);
  }
  if (value.find_first_of(" \t") != std::string_view::npos) {
    return fmt::format("{}: no spaces in a kernel argument; write each argument as a string of its own", quoted(value));
  }
  const bool printable = std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!printable || value.find_first_of("\"'\\$") != std::string_view::npos) {
    return fmt::format(
        "{}: no quotes, backslashes, '$', control or non-ASCII characters in a kernel argument: bootloaders "
        "change them",
        quoted(value));
  }
  return std::nullopt;
}

// As EC2 names them: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html
Problem problem_with_volume_device(std::string_view value) {
  const std::string not_a_device = fmt::format("{} is not a volume's device: ", quoted(value));
  for (const std::string_view prefix : {"/dev/sd", "/dev/xvd"}) {
    if (!starts_with(value, prefix)) continue;
    const std::string_view letters = value.substr(prefix.size());
    if (letters == "a") return not_a_device + "that is the root disk's name";
    if (!letters.empty() && letters.size() <= 2 && only(letters, kLower)) return std::nullopt;
  }
  return not_a_device +
         "write its name in the block device mapping, such as \"/dev/sdf\" or \"/dev/xvdcz\"; the host "
         "finds it by that, whatever its kernel calls it";
}

Problem problem_with_volume_use(std::string_view value) {
  if (value == "container-storage") return std::nullopt;
  if (!starts_with(value, "/")) {
    return fmt::format("{} is no use of a volume: write \"container-storage\", or an absolute path below /var",
                       quoted(value));
  }
  if (!only(value, kLower, kUpper, kDigits, "._-/") || value.find("//") != std::string_view::npos ||
      value.find("/.") != std::string_view::npos || value.size() > kLongest || value.back() == '/') {
    return fmt::format(
        "{} cannot be a volume's place: use letters, digits, '.', '_' and '-' between single '/', no part beginning "
        "with '.'",
        quoted(value));
  }
  if (!starts_with(value, "/var/")) {
    return fmt::format(
        "{} cannot be a volume's place: only what is below /var belongs to the host and not to the image",
        quoted(value));
  }
  for (const std::string_view storage : {"/var/lib/docker", "/var/lib/containerd", "/var/lib/containers"}) {
    if (is_within(value, storage)) {
      return fmt::format("{} cannot be a volume's place: write use = \"container-storage\"", quoted(value));
    }
  }
  bool taken = value == "/var/lib";
  for (const std::string_view folder : {"/var/lock", "/var/run", "/var/lib/host-volumes"}) {
    taken = taken || is_within(value, folder);
  }
  if (!taken) return std::nullopt;
  return fmt::format("{} cannot be a volume's place: the system needs what is there; choose a folder of its own",
                     quoted(value));
}

Problem problem_with_volume_filesystem(std::string_view value) {
  if (value == "ext4" || value == "xfs") return std::nullopt;
  return fmt::format("unknown file system {}: a volume gets \"ext4\" or \"xfs\"", quoted(value));
}

Problem problem_with_unit(std::string_view value) {
  const auto dot = value.rfind('.');
  if (dot != std::string_view::npos && dot > 0 && dot + 1 < value.size() && consists_of(value, ":-_.\\@")) {
    return std::nullopt;
  }
  return fmt::format("{} is not a unit's whole name, such as \"sshd.service\"", quoted(value));
}

Problem problem_with_package_name(std::string_view value) {
  if (consists_of(value, "._-+") && consists_of(value.substr(0, 1), "_")) return std::nullopt;
  return fmt::format("{} is not the name of an RPM package: use letters, digits and '._-+', without version",
                     quoted(value));
}

std::uint32_t mode_of(std::string_view value) {
  const std::uint32_t mode = parse_number<std::uint32_t>(value, 8).value_or(0);
  return mode <= 07777 ? mode : 0;
}

Problem problem_with_mode(std::string_view value) {
  if (value.size() == 4 && mode_of(value) != 0) return std::nullopt;
  return fmt::format("{} is not a mode: use four octal digits, such as \"0755\"", quoted(value));
}

Problem problem_with_key_source(std::string_view value) {
  constexpr std::string_view forms =
      "write \"env:NAME\" for a key in an environment variable or \"file:PATH\" for one in "
      "a file; a key itself must not be in a recipe";
  if (starts_with(value, "env:")) {
    const std::string_view name = value.substr(4);
    if (!name.empty() && only(name, kLower, kUpper, kDigits, "_") && !only(name.substr(0, 1), kDigits))
      return std::nullopt;
    return "what follows 'env:' is not a variable's name: use letters, digits and '_', not beginning with a digit";
  }
  if (starts_with(value, "file:")) return value.size() > 5 ? Problem() : "'file:' must be followed by a path";
  return fmt::format("not a place of a signing key: {}", forms);
}

std::optional<std::uint64_t> size_in_bytes(std::string_view value, std::string& problem) {
  constexpr std::uint64_t gib = 1ULL << 30U;
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 3> units = {
      {{"MiB", 1ULL << 20U}, {"GiB", gib}, {"TiB", gib << 10U}}};
  const std::size_t digits = std::min(value.find_first_not_of(kDigits), value.size());
  const std::string_view unit_text = value.substr(std::min(value.find_first_not_of(' ', digits), value.size()));
  const auto* unit = std::find_if(units.begin(), units.end(), [&](const auto& one) { return one.first == unit_text; });
  if (digits < value.size() && digits > 0 && value.find_first_of(".,") == digits) {
    problem = fmt::format(
        "{} is not a size: only whole numbers; take a smaller unit, such as \"2560 MiB\" for two and a "
        "half GiB",
        quoted(value));
  } else if (digits == 0 || digits > 7) {
    problem = fmt::format("{} is not a size: write \"auto\", or a whole number with its unit, such as \"8 GiB\"",
                          quoted(value));
  } else if (unit == units.end()) {
    problem = fmt::format("{} is not a size: {}; units are MiB, GiB and TiB", quoted(value),
                          unit_text.empty() ? "the unit is missing" : "unknown unit " + quoted(unit_text));
  } else {
    const std::uint64_t bytes = std::stoull(std::string(value.substr(0, digits))) * unit->second;
    if (bytes >= 2 * gib && bytes <= 16384 * gib) return bytes;
    problem = fmt::format("{}: a disk has at least 2 GiB and at most 16 TiB", quoted(value));
  }
  return std::nullopt;
}

namespace {

bool is_base64(std::string_view value, std::size_t characters, std::string_view padding, std::string_view last) {
  if (value.size() != characters + padding.size() || value.substr(characters) != padding) return false;
  return only(value.substr(0, characters), kLower, kUpper, kDigits, "+/") &&
         last.find(value[characters - 1]) != std::string_view::npos;
}

}  // namespace

// The last character carries 4 (of 6) or 2 bits; the others are zero.
bool is_ed25519_public_key(std::string_view value) { return is_base64(value, 43, "=", "AEIMQUYcgkosw048"); }
bool is_ed25519_secret_key(std::string_view value) { return is_base64(value, 86, "==", "AQgw"); }

Problem problem_with_image(std::string_view value, ImagePath& path) {
  constexpr std::string_view forms =
      "images are written docker://HOST/NAME:TAG, oci:FOLDER:TAG, oci-archive:FILE or docker-archive:FILE";
  path = {};
  if (has_control_characters(value) || value.find(' ') != std::string_view::npos) {
    return fmt::format("{} is not an image: no spaces or control characters; {}", quoted(value), forms);
  }
  if (starts_with(value, "docker://")) {
    if (value.size() > 9 && only(value.substr(9), kLower, kUpper, kDigits, "._:/@-")) return std::nullopt;
    return fmt::format("{} is not the name of an image in a registry; {}", quoted(value), forms);
  }
  for (const std::string_view prefix : {"oci:", "oci-archive:", "docker-archive:"}) {
    if (!starts_with(value, prefix)) continue;
    const std::size_t end = std::min(value.find(':', prefix.size()), value.size());
    path = {prefix.size(), end};
    if (end > prefix.size()) return std::nullopt;
    return fmt::format("{} names no file; {}", quoted(value), forms);
  }
  const bool bare = value.find("://") == std::string_view::npos && value.find('/') != std::string_view::npos &&
                    only(value, kLower, kDigits, "._:/@-");
  return fmt::format("{} does not say where the image is{} {}", quoted(value),
                     bare ? fmt::format("; did you mean 'docker://{}'?", value) : ";", forms);
}

}  // namespace compose::recipe
