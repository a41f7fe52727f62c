#include "publish/gpg_key.hpp"

#include <cstdlib>

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::publish {
namespace {

constexpr std::uint64_t key_limit_bytes = 1U << 20U;

std::string private_file(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) throw_errno("reading the GPG key", file.string(), errno);
  if ((info.st_mode & 077U) != 0) {
    throw Error(
        ErrorKind::input,
        fmt::format("the GPG key '{}' can be read by others (mode {:04o})", file.string(), info.st_mode & 07777U),
        fmt::format("chmod 600 '{}', and think about who may have read it", file.string()));
  }
  return read_file(file, key_limit_bytes);
}

}  // namespace

std::optional<sign::GpgSigner> gpg_signer(const recipe::PublishOstree& publish) {
  if (!publish.gpg) return std::nullopt;
  const recipe::GpgKeys& gpg = *publish.gpg;
  if (!fs::is_regular_file(gpg.public_key_file)) {
    throw Error(ErrorKind::input, fmt::format("there is no GPG key file '{}', which [publish.ostree] gpg-key names",
                                              gpg.public_key_file.string()));
  }
  if (gpg.secret_environment) {
    const char* text = std::getenv(gpg.secret_environment->c_str());
    if (text == nullptr || *text == '\0') {
      throw Error(
          ErrorKind::input,
          fmt::format("no GPG key to sign with: the environment variable {} is not set", *gpg.secret_environment),
          "[publish.ostree] gpg-secret-key asks for it; its value is what 'gpg --armor --export-secret-keys KEY' "
          "prints");
    }
    return sign::GpgSigner::of_key(gpg.public_key_file, text, "the environment variable " + *gpg.secret_environment);
  }
  if (gpg.secret_file) {
    return sign::GpgSigner::of_key(gpg.public_key_file, private_file(*gpg.secret_file),
                                   fmt::format("'{}'", gpg.secret_file->string()));
  }
  return sign::GpgSigner::of_user(gpg.public_key_file);
}

}  // namespace compose::publish
