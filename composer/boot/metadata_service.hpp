#pragma once
// A stand-in for EC2's instance metadata service, version 2 only: every GET needs a token that a PUT of
// /latest/api/token gave (docs.aws.amazon.com/AWSEC2/latest/UserGuide, "Instance metadata and user data"). Found at
// address:80 by the guest.

#include <chrono>
#include <map>
#include <string>

#include "boot/http_message.hpp"

namespace compose::boot {

inline constexpr const char* metadata_address = "169.254.169.254";

// What the instance is to believe of itself.
struct Instance {
  std::string id = "i-0a7031c000b007e57";
  std::string mac = "02:0a:70:31:c0:01";
  std::string address;     // its IPv4 address
  std::string public_key;  // for its default user, as in authorized_keys
  std::string user_data;   // empty: there is none
};

// For one thread at a time.
class MetadataService {
 public:
  explicit MetadataService(const Instance& instance);

  // `now` decides which tokens are still good.
  HttpReply answer(const HttpRequest& request, std::chrono::steady_clock::time_point now);

 private:
  HttpReply give_token(const HttpRequest& request, std::chrono::steady_clock::time_point now);
  bool is_known(const std::string& token, std::chrono::steady_clock::time_point now) const;
  HttpReply read(const std::string& path) const;

  std::map<std::string, std::string> values_;                            // by path below /VERSION/
  std::map<std::string, std::chrono::steady_clock::time_point> tokens_;  // with their ends
};

}  // namespace compose::boot
