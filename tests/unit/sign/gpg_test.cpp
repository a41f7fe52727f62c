#include "sign/gpg.hpp"

#include <cstdlib>

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/gpg_key.hpp"

namespace compose::sign {
namespace {

using tests::GpgKey;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.explain();
  }
  return {};
}

TEST_CASE("an armored key gives the packets that gpg --dearmor gives, several of them one after the other") {
  const GpgKey one;
  const GpgKey two;
  const std::string armored = read_file(one.public_file());
  const std::string packets = one.gpg({"--export"});
  CHECK(public_keys_of(armored, "the test") == packets);
  CHECK(public_keys_of(packets, "the test") == packets);
  CHECK(public_keys_of("Key one:\n" + armored + "Key two:\n" + read_file(two.public_file()), "the test") ==
        packets + two.gpg({"--export"}));
  std::string with_returns;
  for (const char c : armored) with_returns += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(public_keys_of(with_returns, "the test") == packets);
}

TEST_CASE("what holds no public key is refused, and a private key is named as such") {
  const GpgKey key;
  const std::string armored = read_file(key.public_file());
  CHECK(error_of([&] { public_keys_of(key.secret(), "'x.asc'"); })
            .find("'x.asc' holds no public GPG key: it holds a "
                  "private one") != std::string::npos);
  CHECK(error_of([&] { public_keys_of(key.gpg({"--export-secret-keys"}), "x"); }).find("neither") != std::string::npos);
  CHECK(error_of([&] { public_keys_of("", "x"); }).find("neither") != std::string::npos);
  CHECK(error_of([&] { public_keys_of(armored.substr(0, armored.size() / 2), "x"); }).find("no end") !=
        std::string::npos);
  std::string damaged = armored;
  char& letter = damaged[damaged.find("\n\n") + 20];
  letter = letter == 'A' ? 'B' : 'A';
  CHECK(error_of([&] { public_keys_of(damaged, "x"); }).find("damaged") != std::string::npos);
}

TEST_CASE("a key given as text signs, and its signature is good for its data and key only") {
  const GpgKey key;
  const GpgKey other;
  const GpgSigner signer = GpgSigner::of_key(key.public_file(), key.secret(), "the test");
  const std::string signature = signer.sign("message");
  CHECK(signer.verify("message", signature));
  CHECK_FALSE(signer.verify("massage", signature));
  CHECK_FALSE(signer.verify("message", "nonsense"));
  CHECK_FALSE(signer.verify("message", ""));
  const GpgSigner foreign = GpgSigner::of_key(other.public_file(), other.secret(), "the test");
  CHECK_FALSE(foreign.verify("message", signature));
  CHECK_FALSE(signer.verify("message", foreign.sign("message")));
}

TEST_CASE("the user's own GnuPG signs when it has the key") {
  const GpgKey key;
  const GpgKey other;
  ::setenv("GNUPGHOME", key.home().c_str(), 1);
  const GpgSigner signer = GpgSigner::of_user(key.public_file());
  CHECK(signer.verify("message", signer.sign("message")));
  const std::string error = error_of([&] { GpgSigner::of_user(other.public_file()); });
  CHECK(error.find("your GnuPG has no secret key that belongs to") != std::string::npos);
  ::unsetenv("GNUPGHOME");
}

TEST_CASE("keys that do not go together, or cannot sign unattended, are told") {
  const GpgKey key;
  const GpgKey other;
  const GpgSigner mixed = GpgSigner::of_key(key.public_file(), other.secret(), "the test");
  CHECK(error_of([&] { (void)mixed.sign("message"); }).find("has to be the public half") != std::string::npos);
  const std::string nonsense = error_of([&] { GpgSigner::of_key(key.public_file(), "hidden words", "KEY"); });
  CHECK(nonsense.find("KEY holds no secret GPG key") != std::string::npos);
  CHECK(nonsense.find("hidden") == std::string::npos);

  const TemporaryDirectory folder(fs::temp_directory_path(), "gpg-");
  const std::vector<std::string> gpg{
      "gpg",      "--batch",      "--homedir",   folder.path().string(), "--pinentry-mode",
      "loopback", "--passphrase", "secret words"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), gpg.begin(), gpg.end());
    return run_checked(more);
  };
  with({"--quick-generate-key", "locked@example.invalid", "ed25519", "sign", "never"});
  write_file_atomically(folder.path() / "public.asc", with({"--armor", "--export"}));
  const GpgSigner locked =
      GpgSigner::of_key(folder.path() / "public.asc", with({"--armor", "--export-secret-keys"}), "the test");
  CHECK(error_of([&] { (void)locked.sign("message"); }).find("must have no passphrase") != std::string::npos);
  run({"gpgconf", "--homedir", folder.path().string(), "--kill", "all"});
}

}  // namespace
}  // namespace compose::sign
