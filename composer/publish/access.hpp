#pragma once
// How the services are reached: one transport, credentials for each partition, a client for each region.

#include <map>
#include <memory>
#include <string>

#include "publish/aws/client.hpp"
#include "publish/aws/credentials.hpp"
#include "publish/aws/partition.hpp"

namespace compose::publish {

struct AccessSettings {
  std::string endpoint_url;                     // --endpoint-url, or empty
  std::string profile;                          // --profile, or empty
  std::map<std::string, std::string> profiles;  // by partition, where --profile is empty: [publish.aws.profiles]
};

class Access {
 public:
  // `cancel` must outlive this. Throws Error(usage) or Error(input) for URLs that are none.
  Access(AccessSettings settings, const aws::Cancel& cancel);

  // Owned by this, made when it is asked for the first time. For one thread; clients are for any number.
  aws::Client& client(const std::string& region);
  // Whose credentials those of the region's partition are: 12 digits. Asks once for each partition.
  const std::string& account(const std::string& region);

 private:
  aws::CredentialProvider& credentials(const std::string& region);

  AccessSettings settings_;
  const aws::Cancel& cancel_;
  aws::Environment environment_;
  aws::Endpoints endpoints_;
  std::unique_ptr<aws::Transport> transport_;
  std::map<std::string, std::unique_ptr<aws::CredentialProvider>> credentials_;  // by partition
  std::map<std::string, std::string> accounts_;                                  // by partition
  std::map<std::string, std::unique_ptr<aws::Client>> clients_;                  // by region
};

}  // namespace compose::publish
