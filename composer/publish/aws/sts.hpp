#pragma once
// Who we are: AWS Security Token Service, API version 2011-06-15 (docs.aws.amazon.com/STS/latest/APIReference).

#include <string>

#include "publish/aws/client.hpp"

namespace compose::aws {

struct Identity {
  std::string account;  // 12 digits
  std::string arn;
  std::string user_id;
};

// Needs no permission. Throws what Client::call() throws.
Identity caller_identity(Client& client);

}  // namespace compose::aws
