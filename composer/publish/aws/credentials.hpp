#pragma once
// Credentials, where they are found and how they are kept fresh. No function here logs or puts into an error what is
// secret.

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "publish/aws/http.hpp"
#include "publish/aws/partition.hpp"
#include "publish/aws/surroundings.hpp"
#include "support/path.hpp"
#include "support/process.hpp"

namespace compose::aws {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty for long-lived keys
  std::optional<Time> expiration;
  std::string source;  // for people: "the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"

  bool operator==(const Credentials&) const = default;
};

// Gives credentials that are good now. For any number of threads; one at a time fetches, the others wait for it.
class CredentialProvider {
 public:
  using Fetch = std::function<Credentials()>;
  // `fetch` is called when there are none yet, from 5 minutes before they expire, and after reject(). It may throw:
  // what it throws leaves get() unless the old ones are still good.
  CredentialProvider(Fetch fetch, Clock now);

  Credentials get();
  // The service took `refused` for expired: the next get() fetches, unless others were fetched meanwhile.
  void reject(const Credentials& refused);

 private:
  bool is_good_for(std::chrono::seconds margin) const;

  Fetch fetch_;
  Clock now_;
  std::mutex mutex_;
  std::optional<Credentials> current_;
  bool rejected_ = false;
};

// Everything that the chain looks at.
struct CredentialSources {
  Environment environment;
  fs::path home;               // of the user: .aws/credentials and .aws/config below it
  std::string profile;         // --profile; empty: AWS_PROFILE, AWS_DEFAULT_PROFILE, then "default"
  std::string region;          // for STS where neither AWS_REGION, AWS_DEFAULT_REGION nor the profile names one
  const Endpoints* endpoints;  // of STS
  Transport* transport;
  Timing timing;
  const Cancel* cancel;
  // Runs a program to its end; compose::run but for tests.
  std::function<ProcessResult(const std::vector<std::string>& arguments, const ProcessOptions& options)> run_program;
};

// The first source that has credentials, in the order of AWS's own tools:
//   1. AWS_ACCESS_KEY_ID + AWS_SECRET_ACCESS_KEY [+ AWS_SESSION_TOKEN] (not with --profile)
//   2. AWS_WEB_IDENTITY_TOKEN_FILE + AWS_ROLE_ARN [+ AWS_ROLE_SESSION_NAME] (not with --profile): STS
//   3. the profile, from AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and AWS_CONFIG_FILE (~/.aws/config): keys or
//      credential_process; any other kind (SSO, role_arn, …) through `aws configure export-credentials`
//   4. AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI [+ AWS_CONTAINER_AUTHORIZATION_TOKEN[_FILE]]
//   5. the instance's role, from its metadata service, version 2 (unless AWS_EC2_METADATA_DISABLED=true)
// A source that is configured but does not work ends the search: another one's might belong to another account. Throws
// Error(input) that lists each source and what it said when none has any; Error(unreachable) when one did not answer.
Credentials find_credentials(const CredentialSources& sources);

// find_credentials() behind a CredentialProvider; keeps a copy of `sources` (what it points to must outlive it).
std::unique_ptr<CredentialProvider> make_credential_chain(const CredentialSources& sources);

}  // namespace compose::aws
