#include "oci/skopeo.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/algorithm/string.hpp>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/process.hpp"

namespace compose::oci {
namespace {

// skopeo refuses to work without a policy file, which minimal hosts lack; where there is one it decides. What is copied
// is checked against the lock's digest either way.
bool has_policy() {
  const char* home = std::getenv("HOME");
  const fs::path own = fs::path(home == nullptr ? "/" : home) / ".config/containers/policy.json";
  return fs::exists(own) || fs::exists("/etc/containers/policy.json");
}

std::vector<std::string> command(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"skopeo", "--command-timeout=30m", "--override-os=linux", "--override-arch=amd64"};
  if (!has_policy()) all.emplace_back("--insecure-policy");
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

// skopeo logs `time="…" level=fatal msg="…"`: the message, or the last line when there is none.
std::string reason_in(const std::string& text) {
  const auto begin = text.rfind("msg=\"");
  if (begin == std::string::npos) return boost::algorithm::trim_copy(text);
  const std::string message = boost::algorithm::replace_all_copy(text.substr(begin + 5), "\\\"", "'");
  return boost::algorithm::trim_right_copy_if(message, boost::is_any_of("\"\n"));
}

[[noreturn]] void throw_failure(const ImageReference& reference, const std::string& stderr_text) {
  const std::string message = fmt::format("image '{}': {}", reference.text, reason_in(stderr_text));
  switch (classify(stderr_text)) {
    case RegistryFailure::missing:
      throw Error(ErrorKind::input, message,
                  "the registry has no such image: check the name, or renew the lock with 'resolve --update'");
    case RegistryFailure::denied:
      throw Error(ErrorKind::input, message, "check the image's name; if it is not public, 'skopeo login' first");
    case RegistryFailure::corrupt:
      throw Error(ErrorKind::mismatch, message, "what the registry sent is not what its manifest names");
    case RegistryFailure::unreachable:
      break;
  }
  throw Error(ErrorKind::unreachable, message, "the registry cannot be reached now; try again");
}

std::string run_skopeo(const ImageReference& reference, const std::vector<std::string>& arguments,
                       const ProcessOptions& options = {}) {
  const ProcessResult result = run(command(arguments), options);
  if (result.exit_code != 0) throw_failure(reference, result.err);
  return result.out;
}

std::string source_of(const ImageReference& reference) {
  if (!reference.digest.empty()) return pinned(reference, reference.digest);
  return fmt::format("docker://{}:{}", reference.repository, reference.tag);
}

}  // namespace

RegistryFailure classify(const std::string& stderr_text) {
  static constexpr std::array<std::pair<std::string_view, RegistryFailure>, 8> kTexts = {{
      {"manifest unknown", RegistryFailure::missing},
      {"name unknown", RegistryFailure::missing},
      {"repository name not known", RegistryFailure::missing},
      {"unauthorized", RegistryFailure::denied},
      {"authentication required", RegistryFailure::denied},
      {"access to the resource is denied", RegistryFailure::denied},
      {"Digest did not match", RegistryFailure::corrupt},
      {"does not match", RegistryFailure::corrupt},
  }};
  for (const auto& [text, failure] : kTexts) {
    if (stderr_text.find(text) != std::string::npos) return failure;
  }
  return RegistryFailure::unreachable;
}

std::string fetch_manifest(const ImageReference& reference) {
  return run_skopeo(
      reference, {"inspect", "--raw", fmt::format("--tls-verify={}", !is_loopback(reference)), source_of(reference)});
}

void fetch_blobs(const ImageReference& reference, const std::string& digest, const fs::path& folder) {
  ProcessOptions options;
  options.environment["TMPDIR"] = folder.parent_path().string();  // no leftovers elsewhere when it is killed
  run_skopeo(reference,
             {"copy", "--quiet", "--preserve-digests", fmt::format("--src-tls-verify={}", !is_loopback(reference)),
              pinned(reference, digest), "dir:" + folder.string()},
             options);
}

}  // namespace compose::oci
