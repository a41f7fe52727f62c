#pragma once
// AWS Signature Version 4 in headers (docs.aws.amazon.com/IAM/latest/UserGuide, "Create a signed AWS API request").
// Pure.

#include <string>
#include <string_view>

#include "publish/aws/credentials.hpp"
#include "publish/aws/http.hpp"

namespace compose::aws {

inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";  // over https, where the operation allows it

struct SigningInput {
  std::string method;
  std::string path;          // encoded as it is sent, beginning with '/'
  std::string query;         // as it is sent, without '?'; in any order
  Headers headers;           // all that are signed; Host among them
  std::string payload_hash;  // SHA-256 of the body in hexadecimal, or unsigned_payload
};

struct SigningScope {
  std::string region;
  std::string service;
  // S3 signs the path as it is sent; all others encode it once more and take "." and ".." out, and send
  // X-Amz-Content-SHA256 only where the caller has it among the headers.
  bool is_s3 = false;
};

// The headers to add: Authorization, X-Amz-Date, X-Amz-Security-Token where there is a token, X-Amz-Content-SHA256 for
// S3 and unsigned payloads.
Headers sign(const SigningInput& input, const Credentials& credentials, const SigningScope& scope, Time now);

}  // namespace compose::aws
