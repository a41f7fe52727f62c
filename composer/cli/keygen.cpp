#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include "cli/command.hpp"
#include "sign/keys.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::cli {
namespace {

int keygen(const fs::path& file, const Common& common) {
  if (fs::exists(file)) {
    throw Error(ErrorKind::input, fmt::format("'{}' is there already", file.string()),
                "a key that is lost cannot be made again: choose another name");
  }
  const sign::SecretKey key = sign::SecretKey::generate();
  write_file_atomically(file, key.to_base64() + "\n", S_IRUSR | S_IWUSR);
  const std::string public_key = sign::to_base64(key.public_key());
  const fs::path public_file = file.string() + ".pub";
  write_file_atomically(public_file, public_key + "\n");
  if (common.json) {
    fmt::print("{}\n",
               nlohmann::json(
                   {{"key_file", file.string()}, {"public_key_file", public_file.string()}, {"public_key", public_key}})
                   .dump());
  } else {
    fmt::print("{}\n", public_key);
  }
  return 0;
}

}  // namespace

Action add_keygen(CLI::App& command) {
  auto file = std::make_shared<fs::path>();
  command.add_option("FILE", *file, "Where the secret key goes (mode 0600); FILE.pub gets the public one")->required();
  return [file](const Common& common) { return keygen(*file, common); };
}

}  // namespace compose::cli
