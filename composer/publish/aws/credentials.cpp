#include "publish/aws/credentials.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "publish/aws/credential_sources.hpp"

namespace compose::aws {
namespace {

constexpr std::chrono::minutes early(5);

struct Source {
  std::string_view name;
  Found (*find)(const CredentialSources& sources);
};

constexpr std::array<Source, 5> chain{{
    {"the environment", from_environment},
    {"a web identity", from_web_identity},
    {"the profile", from_profile},
    {"the container's role", from_container},
    {"the instance's role", from_instance},
}};

}  // namespace

CredentialProvider::CredentialProvider(Fetch fetch, Clock now) : fetch_(std::move(fetch)), now_(std::move(now)) {}

Credentials CredentialProvider::get() {
  const std::lock_guard guard(mutex_);
  if (!rejected_ && is_good_for(early)) return *current_;
  try {
    current_ = fetch_();
    rejected_ = false;
  } catch (const Error&) {
    if (rejected_ || !is_good_for(std::chrono::seconds(0))) throw;
  }
  return *current_;
}

void CredentialProvider::reject(const Credentials& refused) {
  const std::lock_guard guard(mutex_);
  if (current_ == refused) rejected_ = true;
}

bool CredentialProvider::is_good_for(std::chrono::seconds margin) const {
  return current_ && (!current_->expiration || *current_->expiration - now_() > margin);
}

Credentials find_credentials(const CredentialSources& sources) {
  std::string said;
  for (const Source& source : chain) {
    const Found found =
        with_context(fmt::format("looking for credentials in {}", source.name), [&] { return source.find(sources); });
    if (const auto* const credentials = std::get_if<Credentials>(&found)) return *credentials;
    said += fmt::format("\n  {}: {}", source.name, std::get<NoCredentials>(found).reason);
  }
  throw Error(
      ErrorKind::input, "no credentials for AWS were found",
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with 'aws configure' or 'aws sso login' and name "
      "the profile with --profile or AWS_PROFILE. Asked were:" +
          said);
}

std::unique_ptr<CredentialProvider> make_credential_chain(const CredentialSources& sources) {
  return std::make_unique<CredentialProvider>([sources] { return find_credentials(sources); }, sources.timing.now);
}

}  // namespace compose::aws
