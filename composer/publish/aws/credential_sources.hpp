#pragma once
// The single sources of credentials; credentials.cpp asks them in their order.

#include <string>
#include <variant>

#include "publish/aws/credentials.hpp"

namespace compose::aws {

// Why a source has none, though nothing is wrong: "AWS_ACCESS_KEY_ID is not set".
struct NoCredentials {
  std::string reason;
};

using Found = std::variant<Credentials, NoCredentials>;

// Each throws Error(input) when it is configured but wrong, Error(unreachable) when it is configured and does not
// answer.
Found from_environment(const CredentialSources& sources);
Found from_web_identity(const CredentialSources& sources);
Found from_profile(const CredentialSources& sources);
Found from_container(const CredentialSources& sources);
Found from_instance(const CredentialSources& sources);

}  // namespace compose::aws
