#include "sign/keys.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::sign {
namespace {

// RFC 8032, section 7.1, test 2.
constexpr const char* rfc_secret_key =
    "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA==";
constexpr const char* rfc_public_key = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
constexpr const char* rfc_signature =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

std::string hex(const std::string& bytes) {
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

TEST_CASE("a signature is the one RFC 8032 gives for the same key and message") {
  const SecretKey key = SecretKey::parse(rfc_secret_key, "the test");
  CHECK(to_base64(key.public_key()) == rfc_public_key);
  CHECK(hex(key.sign("\x72")) == rfc_signature);
}

TEST_CASE("a signature is valid for its message and key only") {
  const SecretKey key = SecretKey::generate();
  const std::string signature = key.sign("message");
  CHECK(verify(key.public_key(), "message", signature));
  CHECK_FALSE(verify(key.public_key(), "massage", signature));
  CHECK_FALSE(verify(SecretKey::generate().public_key(), "message", signature));
  CHECK_FALSE(verify(key.public_key(), "message", signature.substr(1)));
  CHECK_FALSE(verify(key.public_key(), "message", ""));
}

TEST_CASE("a secret key survives being written and read") {
  const SecretKey key = SecretKey::generate();
  const TemporaryDirectory folder(fs::temp_directory_path());
  const fs::path file = folder.path() / "release.key";
  write_file_atomically(file, key.to_base64() + "\n", 0600);
  CHECK(SecretKey::load(file).sign("x") == key.sign("x"));
}

TEST_CASE("a key file that others can read is refused, with the command that mends it") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  const fs::path file = folder.path() / "release.key";
  write_file_atomically(file, SecretKey::generate().to_base64(), 0644);
  try {
    SecretKey::load(file);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    CHECK(error.explain().find("can be read by others (mode 0644)") != std::string::npos);
    CHECK(error.explain().find("chmod 600") != std::string::npos);
  }
}

TEST_CASE("text that is no key is refused without repeating it") {
  for (const std::string text : {"", "hunter2", "AAAA", "not base64 at all!"}) {
    try {
      SecretKey::parse(text, "the variable X");
      FAIL("accepted: " + text);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::input);
      CHECK(error.explain().find("the variable X") != std::string::npos);
      if (!text.empty()) CHECK(error.explain().find(text) == std::string::npos);
    }
  }
}

TEST_CASE("a key whose halves do not belong together is refused") {
  std::string damaged = rfc_secret_key;
  damaged[70] = damaged[70] == 'A' ? 'B' : 'A';
  CHECK_THROWS_WITH(SecretKey::parse(damaged, "the test"), Catch::Contains("damaged"));
}

TEST_CASE("a public key must be 32 bytes") {
  CHECK(to_base64(parse_public_key(rfc_public_key, "the test")) == rfc_public_key);
  CHECK_THROWS_WITH(parse_public_key("AAAA", "[base] verify.ed25519"), Catch::Contains("[base] verify.ed25519"));
}

}  // namespace
}  // namespace compose::sign
