#include <fmt/format.h>

#include "recipe/checks.hpp"
#include "recipe/sections.hpp"

namespace compose::recipe {
namespace {

constexpr std::string_view kVerifyForms =
    "verify = { gpg = \"FILE\" } for a signature by a GPG key, verify = { ed25519 = \"KEY or FILE\" } for one by an "
    "Ed25519 key, or verify = \"none\" to accept an unsigned base";

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::variant<RemoteBase, LocalBase> read_source(Table& table, const FileAccess& files) {
  const std::optional<std::string> remote = table.string("remote", problem_with_url);
  const std::optional<std::string> repo = table.string("repo");
  table.unavailable("container",
                    "a container image as base is not available in this version; use 'remote' or 'repo' instead");
  if (table.has("remote") && table.has("repo"))
    table.error("repo", "[base] takes 'remote' or 'repo', not both: remove one");
  if (!table.has("remote") && !table.has("repo") && !table.has("container")) {
    table.error_here(
        "[base] does not say where the base is: write remote = \"https://…\" for an OSTree repository on a server, or "
        "repo = \"PATH\" for one in a folder");
  }
  if (repo && repo->empty()) table.error("repo", "'repo' must not be empty: the folder of an OSTree repository");
  if (repo) return LocalBase{absolute(table.resolve("repo", *repo), files)};
  return RemoteBase{remote.value_or("")};
}

std::string read_ed25519_key(Table& table, const std::string& value, const FileAccess& files) {
  if (is_ed25519_public_key(value)) return value;
  if (is_ed25519_secret_key(value)) {
    table.error("ed25519",
                "this is a secret key, which must not be in a recipe: write the public one (44 characters), and "
                "replace the pair if others could read this file");
    return {};
  }
  const fs::path path = table.resolve("ed25519", value);
  if (!files.is_file(path)) {
    table.error("ed25519", fmt::format("neither an Ed25519 public key (44 characters of base64) nor a file that holds "
                                       "one: looked for {}",
                                       quoted(path.string())));
    return {};
  }
  std::string key = trimmed(files.read(path));
  if (is_ed25519_public_key(key)) return key;
  if (is_ed25519_secret_key(key)) {
    table.error("ed25519", fmt::format("{} holds a secret key; verifying takes the public one", quoted(path.string())));
    return {};
  }
  table.error("ed25519", fmt::format("{} does not hold an Ed25519 public key: expected 44 characters of base64 and "
                                     "nothing else",
                                     quoted(path.string())));
  return {};
}

Verify read_verify_table(Table table, const FileAccess& files) {
  const std::optional<std::string> gpg = table.string("gpg");
  const std::optional<std::string> ed25519 = table.string("ed25519");
  table.finish();
  if (table.has("gpg") == table.has("ed25519")) {
    table.error_here(fmt::format("verify takes exactly one of 'gpg' and 'ed25519': write {}", kVerifyForms));
  }
  if (gpg) return VerifyGpg{read_gpg_key(table, "gpg", *gpg, files)};
  if (ed25519) return VerifyEd25519{read_ed25519_key(table, *ed25519, files)};
  return VerifyNone{};
}

Verify read_verify(Table& table, const FileAccess& files) {
  table.expect("verify");
  if (table.is_table("verify")) return read_verify_table(*table.table("verify"), files);
  if (!table.has("verify")) {
    table.error_here(
        fmt::format("missing key 'verify' in [base]: how the base's signature is checked. Write {}", kVerifyForms));
  } else if (!table.is_string("verify") || table.string("verify") != "none") {
    table.error("verify", fmt::format("not a way to verify the base: write {}", kVerifyForms));
  }
  return VerifyNone{};
}

}  // namespace

Problem problem_with_gpg_key(const fs::path& path, const FileAccess& files) {
  if (!files.is_file(path)) return fmt::format("no such GPG key file: looked for {}", quoted(path.string()));
  if (files.read(path).find("PRIVATE KEY BLOCK") == std::string::npos) return std::nullopt;
  return fmt::format("{} holds a private key; verifying takes the public one", quoted(path.string()));
}

fs::path read_gpg_key(Table& table, const std::string& key, const std::string& value, const FileAccess& files) {
  if (fs::path(value).is_absolute()) return value;
  const fs::path path = table.resolve(key, value);
  if (const Problem problem = problem_with_gpg_key(path, files)) table.error(key, *problem);
  return absolute(path, files);
}

Base read_base(Table table, const FileAccess& files) {
  Base base;
  base.source = read_source(table, files);
  base.ref =
      table.required_string("ref", "the base's OSTree ref, such as \"fedora/stable/x86_64/iot\"", problem_with_ref);
  base.verify = read_verify(table, files);
  table.finish();
  return base;
}

}  // namespace compose::recipe
