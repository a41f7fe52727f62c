#include "build/signing_key.hpp"

#include <cstdlib>

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::build {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

sign::SecretKey make_key(const fs::path& file, Events& events) {
  boost::system::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) throw_errno("making the folder of the signing key", file.parent_path().string(), error.value());
  sign::SecretKey key = sign::SecretKey::generate();
  write_file_atomically(file, key.to_base64() + "\n", S_IRUSR | S_IWUSR);
  events.note(fmt::format("made a signing key: {} (readable only by you; keep it, hosts trust its public half {})",
                          file.string(), sign::to_base64(key.public_key())));
  return key;
}

}  // namespace

fs::path default_key_file() {
  std::string folder = variable("XDG_CONFIG_HOME");
  if (folder.empty() && !variable("HOME").empty()) folder = variable("HOME") + "/.config";
  if (folder.empty()) {
    throw Error(ErrorKind::input,
                "no signing key: [sign] names none, and neither HOME nor XDG_CONFIG_HOME says where yours would be",
                "set [sign] key = \"env:NAME\" or \"file:PATH\"");
  }
  return fs::path(folder) / "atomic-compose/signing.key";
}

sign::SecretKey signing_key(const recipe::Sign& sign, Events& events) {
  if (sign.key_environment) {
    const std::string text = variable(sign.key_environment->c_str());
    if (text.empty()) {
      throw Error(ErrorKind::input,
                  fmt::format("no signing key: the environment variable {} is not set", *sign.key_environment),
                  "[sign] key asks for it; 'atomic-compose keygen FILE' makes a key, the file's content is the "
                  "variable's value");
    }
    return sign::SecretKey::parse(text, "the environment variable " + *sign.key_environment);
  }
  const fs::path file = sign.key_file.value_or(fs::path());
  if (!file.empty()) return sign::SecretKey::load(file);
  const fs::path own = default_key_file();
  return fs::exists(own) ? sign::SecretKey::load(own) : make_key(own, events);
}

}  // namespace compose::build
