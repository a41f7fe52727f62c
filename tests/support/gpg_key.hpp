#pragma once
// A GPG key of the test's own: a home with the secret key, and files with both halves.

#include <vector>

#include <boost/filesystem/operations.hpp>

#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::tests {

class GpgKey {
 public:
  GpgKey() : folder_(fs::temp_directory_path(), "gpg-") {  // short: gpg-agent's socket path has 108 bytes
    fs::create_directories(home());
    fs::permissions(home(), fs::perms(0700));
    gpg({"--passphrase", "", "--quick-generate-key", "test@example.invalid", "ed25519", "sign", "never"});
    write_file_atomically(public_file(), gpg({"--armor", "--export"}));
    write_file_atomically(secret_file(), gpg({"--armor", "--export-secret-keys"}), 0600);
  }
  ~GpgKey() { run({"gpgconf", "--homedir", home().string(), "--kill", "all"}); }
  GpgKey(const GpgKey&) = delete;
  GpgKey& operator=(const GpgKey&) = delete;

  fs::path home() const { return folder_.path() / "home"; }
  fs::path public_file() const { return folder_.path() / "public.asc"; }
  fs::path secret_file() const { return folder_.path() / "secret.asc"; }
  std::string secret() const { return read_file(secret_file()); }

  std::string gpg(std::vector<std::string> arguments) const {
    std::vector<std::string> command{"gpg", "--batch", "--homedir", home().string()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_checked(command);
  }

  // As `ostree gpg-sign` does it.
  void sign(const fs::path& repository, const std::string& commit) const {
    run_checked({"ostree", "gpg-sign", "--repo=" + repository.string(), "--gpg-homedir=" + home().string(), commit,
                 "test@example.invalid"});
  }

 private:
  TemporaryDirectory folder_;
};

}  // namespace compose::tests
