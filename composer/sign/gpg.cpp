#include "sign/gpg.hpp"

#include <vector>

#include <sys/stat.h>

#include <sodium.h>

#include <fmt/format.h>
#include <boost/algorithm/string/split.hpp>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::sign {
namespace {

constexpr std::string_view block_begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view block_end = "-----END PGP PUBLIC KEY BLOCK-----";

// RFC 4880, section 4.2: bit 7 is set; the tag is 6 for a public key.
bool starts_with_public_key(std::string_view packets) {
  if (packets.empty()) return false;
  const auto first = static_cast<unsigned char>(packets[0]);
  if ((first & 0x80U) == 0) return false;
  const unsigned tag = (first & 0x40U) != 0 ? first & 0x3fU : (first >> 2U) & 0x0fU;
  return tag == 6;
}

// RFC 4880, section 6.1.
unsigned crc24(std::string_view data) {
  unsigned crc = 0xb704ceU;
  for (const char c : data) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 16U;
    for (int bit = 0; bit < 8; ++bit) {
      crc <<= 1U;
      if ((crc & 0x1000000U) != 0) crc ^= 0x1864cfbU;
    }
  }
  return crc & 0xffffffU;
}

std::optional<std::string> base64_bytes(std::string_view text) {
  std::string bytes(text.size(), '\0');
  std::size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(),
                        " \t\r\n", &length, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    return std::nullopt;
  }
  bytes.resize(length);
  return bytes;
}

std::string_view without_return(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

// Between the first and the last line of a block: headers, an empty line, base64, "=" and the checksum.
std::optional<std::string> bytes_of_block(std::string_view block) {
  std::string body;
  std::optional<std::string> checksum;
  bool in_headers = true;
  std::vector<std::string> lines;
  boost::algorithm::split(lines, block, [](char c) { return c == '\n'; });
  for (const std::string& raw : lines) {
    const std::string_view line = without_return(raw);
    if (in_headers) {
      in_headers = &raw == &lines.front() || line.find(": ") != std::string_view::npos;
      continue;
    }
    if (line.starts_with('=')) {
      checksum = base64_bytes(line.substr(1));
    } else {
      body += line;
    }
  }
  auto bytes = base64_bytes(body);
  if (!bytes || bytes->empty()) return std::nullopt;
  const unsigned crc = crc24(*bytes);
  const std::string wanted{static_cast<char>(crc >> 16U), static_cast<char>(crc >> 8U), static_cast<char>(crc)};
  if (checksum && *checksum != wanted) return std::nullopt;
  return bytes;
}

[[noreturn]] void refuse(std::string_view origin, const char* reason) {
  throw Error(ErrorKind::input, fmt::format("{} holds no public GPG key: {}", origin, reason),
              "write one with 'gpg --armor --export KEY > FILE'");
}

// gpg's own words, without its prefix; never what it was given.
std::string words_of(const ProcessResult& result) {
  std::vector<std::string> lines;
  boost::algorithm::split(lines, result.err, [](char c) { return c == '\n'; });
  std::string words;
  for (const std::string& line : lines) {
    if (!line.empty()) words += (words.empty() ? "" : "; ") + line;
  }
  return words.empty() ? fmt::format("exit code {}", result.exit_code) : words;
}

// Of the primary keys: in "fpr:::::::::FINGERPRINT:" lines that follow a "pub" or "sec" line (GnuPG's doc/DETAILS).
std::vector<std::string> fingerprints(const std::string& colons, const std::string& kind) {
  std::vector<std::string> found;
  std::vector<std::string> lines;
  boost::algorithm::split(lines, colons, [](char c) { return c == '\n'; });
  bool wanted = false;
  for (const std::string& line : lines) {
    std::vector<std::string> fields;
    boost::algorithm::split(fields, line, [](char c) { return c == ':'; });
    if (fields.size() > 9 && fields[0] == "fpr" && wanted) found.push_back(fields[9]);
    wanted = fields[0] == kind;
  }
  return found;
}

}  // namespace

std::string public_keys_of(std::string_view text, std::string_view origin) {
  if (starts_with_public_key(text)) return std::string(text);
  if (text.find("PRIVATE KEY BLOCK") != std::string_view::npos) refuse(origin, "it holds a private one");
  std::string keys;
  for (auto begin = text.find(block_begin); begin != std::string_view::npos; begin = text.find(block_begin, begin)) {
    begin += block_begin.size();
    const auto end = text.find(block_end, begin);
    if (end == std::string_view::npos) refuse(origin, "its armor has no end");
    const auto bytes = bytes_of_block(text.substr(begin, end - begin));
    if (!bytes || !starts_with_public_key(*bytes)) refuse(origin, "its armor is damaged");
    keys += *bytes;
  }
  if (keys.empty()) refuse(origin, "it is neither armored nor binary OpenPGP");
  return keys;
}

// The folder is a GnuPG home where the key is ours to keep, and holds what is being signed. Its path is short: a socket
// of gpg-agent's has to fit into 108 bytes.
struct GpgSigner::State {
  explicit State(const fs::path& public_key_file)
      : folder(fs::temp_directory_path(), "gpg-"), public_key(public_key_file.string()) {
    write("trusted.gpg", public_keys_of(read_file(public_key_file, 1U << 20U), fmt::format("'{}'", public_key)));
  }
  ~State() {
    if (!imported) return;
    try {
      (void)run({"gpgconf", "--homedir", folder.path().string(), "--kill", "all"});
    } catch (const Error&) {  // then no agent runs either
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  fs::path path(const char* name) const { return folder.path() / name; }
  void write(const char* name, std::string_view content) const {
    write_file_atomically(path(name), content, S_IRUSR | S_IWUSR);
  }

  ProcessResult gpg(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{"gpg", "--batch", "--no-tty", "--quiet"};
    if (imported) command.insert(command.end(), {"--homedir", folder.path().string(), "--pinentry-mode", "error"});
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command, {{{"LC_ALL", "C"}}, {}, {}});
  }

  TemporaryDirectory folder;
  std::string public_key;  // for people
  std::string fingerprint;
  bool imported = false;  // the secret key, into this folder
};

GpgSigner::GpgSigner(std::unique_ptr<State> state) : state_(std::move(state)) {}
GpgSigner::GpgSigner(GpgSigner&&) noexcept = default;
GpgSigner::~GpgSigner() = default;

GpgSigner GpgSigner::of_user(const fs::path& public_key_file) {
  auto state = std::make_unique<State>(public_key_file);
  const ProcessResult shown = state->gpg({"--with-colons", "--show-keys", state->path("trusted.gpg").string()});
  for (const std::string& fingerprint : fingerprints(shown.out, "pub")) {
    if (state->gpg({"--with-colons", "--list-secret-keys", fingerprint}).exit_code != 0) continue;
    state->fingerprint = fingerprint;
    return GpgSigner(std::move(state));
  }
  throw Error(ErrorKind::input,
              fmt::format("your GnuPG has no secret key that belongs to '{}'{}", state->public_key,
                          shown.exit_code == 0 ? "" : ": " + words_of(shown)),
              "name it with gpg-secret-key = \"env:NAME\" or \"file:PATH\", or set GNUPGHOME to where it is");
}

GpgSigner GpgSigner::of_key(const fs::path& public_key_file, std::string_view secret, std::string_view origin) {
  auto state = std::make_unique<State>(public_key_file);
  state->imported = true;
  state->write("secret", secret);
  const ProcessResult import = state->gpg({"--import", state->path("secret").string()});
  fs::remove(state->path("secret"));
  const auto found = fingerprints(state->gpg({"--with-colons", "--list-secret-keys"}).out, "sec");
  if (found.empty()) {
    throw Error(ErrorKind::input, fmt::format("{} holds no secret GPG key: {}", origin, words_of(import)),
                "export it with 'gpg --armor --export-secret-keys KEY'");
  }
  state->fingerprint = found.front();
  return GpgSigner(std::move(state));
}

std::string GpgSigner::sign(std::string_view data) const {
  state_->write("data", data);
  const ProcessResult result = state_->gpg(
      {"--local-user", state_->fingerprint, "--output", "-", "--detach-sign", state_->path("data").string()});
  if (result.exit_code != 0) {
    throw Error(ErrorKind::failed,
                fmt::format("signing with the GPG key {}: {}", state_->fingerprint, words_of(result)),
                state_->imported ? "a key given by env: or file: must have no passphrase; gpg-secret-key = \"gnupg\" "
                                   "asks your own agent"
                                 : "");
  }
  if (!verify(data, result.out)) {
    throw Error(
        ErrorKind::input,
        fmt::format("what the GPG key {} signs cannot be verified with '{}'", state_->fingerprint, state_->public_key),
        "gpg-key has to be the public half of gpg-secret-key");
  }
  return result.out;
}

bool GpgSigner::verify(std::string_view data, std::string_view signature) const {
  state_->write("data", data);
  state_->write("signature", signature);
  const ProcessResult result =
      run({"gpgv", "--quiet", "--homedir", state_->folder.path().string(), "--keyring",
           state_->path("trusted.gpg").string(), state_->path("signature").string(), state_->path("data").string()});
  return result.exit_code == 0;
}

}  // namespace compose::sign
