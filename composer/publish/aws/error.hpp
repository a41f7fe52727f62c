#pragma once
// A service's refusals, told apart by their codes (docs.aws.amazon.com: "Errors for the Amazon EBS direct APIs", "Error
// codes for the Amazon EC2 API", the errors of each action of SSM and STS, "Error responses" of S3).

#include <string>

#include "publish/aws/http.hpp"
#include "publish/aws/partition.hpp"
#include "support/error.hpp"

namespace compose::aws {

enum class ErrorClass {
  fatal,            // the same request will be refused again
  throttle,         // slow down
  transient,        // the service's own trouble
  expired,          // the credentials are no longer good
  not_visible_yet,  // what was made a moment ago is not known everywhere: up to two minutes
  clock_skew,       // our clock differs from theirs
};

// What an answer of 300 or more says, before it becomes an exception.
struct Refusal {
  Service service = Service::ec2;
  std::string operation;  // "PutSnapshotBlock"
  std::string region;
  int status = 0;
  std::string code;     // "ThrottlingException"; where the answer has none "HTTP 404"
  std::string message;  // printable, at most 1000 bytes
  std::string reason;   // EBS: "SNAPSHOT_NOT_FOUND", …; S3: the bucket's region after a redirect
  std::string request_id;
};

// Reads code, message and request id as each protocol has them: JSON, EC2's, STS's and S3's XML, or nothing at all.
Refusal read_refusal(Service service, const std::string& operation, const std::string& region,
                     const HttpResponse& response);

ErrorClass classify(const Refusal& refusal);

// what(): "ec2 RegisterImage in eu-central-1: UnauthorizedOperation (HTTP 403): MESSAGE [request ID]". Its kind is
// unreachable for throttle, transient and not_visible_yet, else failed. Hints name the IAM action that is missing, or
// where the credentials came from.
class ServiceError : public Error {
 public:
  explicit ServiceError(Refusal refusal, const std::string& credentials_source = {});

  const Refusal& refusal() const noexcept { return refusal_; }
  const std::string& code() const noexcept { return refusal_.code; }
  int status() const noexcept { return refusal_.status; }
  ErrorClass error_class() const noexcept { return class_; }

 private:
  Refusal refusal_;
  ErrorClass class_;
};

}  // namespace compose::aws
